//! The report as a page: one line per folder and kind.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Row;

/// Rows shown of those that are not ok.
const SHOWN: usize = 40;

#[derive(Default)]
struct Line<'a> {
    files: std::collections::BTreeSet<&'a str>,
    compared: usize,
    not_compared: usize,
    failed: usize,
    worst: f64,
}

/// A Markdown page with kinds, counts and the largest deviation over what is allowed (at most 1 if
/// all is well), then every row that is not ok with its reason.
pub fn summary(rows: &[Row]) -> String {
    let mut lines: BTreeMap<(&str, &str), Line<'_>> = BTreeMap::new();
    for row in rows {
        let folder = row.file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let line = lines.entry((folder, &row.kind)).or_default();
        line.files.insert(&row.file);
        if row.rule == "anchor" || row.rule == "not_compared" {
            line.not_compared += 1;
        } else {
            line.compared += 1;
            line.worst = line.worst.max(row.excess.unwrap_or(f64::INFINITY));
        }
        line.failed += usize::from(!row.ok);
    }
    let mut page = String::from(
        "| folder | kind | files | quantities compared | only stored | worst deviation / allowed | not met |\n\
         |---|---|--:|--:|--:|--:|--:|\n",
    );
    for ((folder, kind), line) in &lines {
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "| {folder} | {kind} | {} | {} | {} | {} | {} |",
            line.files.len(),
            line.compared,
            line.not_compared,
            ratio(line.worst),
            line.failed
        );
    }
    let failed: Vec<&Row> = rows.iter().filter(|row| !row.ok).collect();
    if !failed.is_empty() {
        page.push_str("\nNot met:\n\n");
    }
    for row in failed.iter().take(SHOWN) {
        let found = row.excess.map_or_else(|| "not comparable".to_owned(), ratio);
        let reason = row.reason.as_deref().unwrap_or("beyond its tolerance");
        let _ = writeln!(page, "* {}, {} ({}): {found}; {reason}", row.file, row.quantity, row.rule);
    }
    if failed.len() > SHOWN {
        let _ = writeln!(page, "* and {} more", failed.len() - SHOWN);
    }
    page
}

fn ratio(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        v if !v.is_finite() || v == f64::MAX => "∞".to_owned(),
        v if v < 1e-3 => format!("{v:.0e}"),
        v => format!("{v:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(file: &str, rule: &str, excess: Option<f64>) -> Row {
        let ok = excess.is_some_and(|excess| excess <= 1.0);
        let reason = (!ok).then(|| "another shape".to_owned());
        Row {
            rule: rule.to_owned(),
            excess,
            ok,
            reason,
            quantity: "labels".to_owned(),
            ..Row::whole(file, "forward", "")
        }
    }

    #[test]
    fn kinds_are_counted_and_failures_are_named() {
        let rows = [
            row("brg/a.safetensors", "abs_rel", Some(0.25)),
            row("brg/b.safetensors", "abs_rel", Some(0.5)),
            row("brg/b.safetensors", "anchor", Some(0.0)),
            row("oba/c.safetensors", "exact", None),
        ];
        let page = summary(&rows);
        assert!(page.contains("| brg | forward | 2 | 2 | 1 | 0.500 | 0 |"), "{page}");
        assert!(page.contains("| oba | forward | 1 | 1 | 0 | ∞ | 1 |"), "{page}");
        assert!(
            page.contains("* oba/c.safetensors, labels (exact): not comparable; another shape"),
            "{page}"
        );
    }
}
