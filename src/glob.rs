//! Globs over whole names: `*` is any run of characters (also `.` and `/`, also none), `?` is one.

/// Does `pattern` match all of `name`?
pub fn matches(pattern: &str, name: &str) -> bool {
    let (p, n): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut i, mut j) = (0, 0);
    // Where to go on after the last `*` swallowed one more character.
    let mut retry: Option<(usize, usize)> = None;
    while j < n.len() {
        if i < p.len() && p[i] == '*' {
            retry = Some((i + 1, j));
            i += 1;
        } else if i < p.len() && (p[i] == '?' || p[i] == n[j]) {
            i += 1;
            j += 1;
        } else if let Some((after_star, swallowed)) = retry {
            retry = Some((after_star, swallowed + 1));
            (i, j) = (after_star, swallowed + 1);
        } else {
            return false;
        }
    }
    p[i..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_swallow_anything_and_question_marks_one() {
        assert!(matches("grad.p?.*", "grad.p0.conv1.weight"));
        assert!(matches("*", ""));
        assert!(matches("*.sub", "a.sub.sub"));
        assert!(!matches("*.sub", "a.sub2"));
        assert!(!matches("a?c", "ac"));
        assert!(matches("a[0]", "a[0]"));
    }
}
