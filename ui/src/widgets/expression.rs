//! Arithmetic in number fields: `2*pi`, `1e-3`, `3/4`, with the field's own unit after it.

/// The value of `text`, whose last word may be `unit`. `None` if it is not an expression.
pub fn evaluate(text: &str, unit: &str) -> Option<f64> {
    let text = text.trim();
    let text = if unit.is_empty() { text } else { text.strip_suffix(unit).unwrap_or(text) };
    let text: String =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| if c == '\u{2212}' { '-' } else { c }).collect();
    let mut parser = Parser { rest: &text, depth: 0 };
    let value = parser.sum()?;
    (parser.rest.is_empty() && value.is_finite()).then_some(value)
}

struct Parser<'a> {
    rest: &'a str,
    depth: u32,
}

impl Parser<'_> {
    fn eat(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn sum(&mut self) -> Option<f64> {
        let mut value = self.product()?;
        loop {
            if self.eat('+') {
                value += self.product()?;
            } else if self.eat('-') {
                value -= self.product()?;
            } else {
                return Some(value);
            }
        }
    }

    fn product(&mut self) -> Option<f64> {
        let mut value = self.power()?;
        loop {
            if self.eat('*') || self.eat('×') {
                value *= self.power()?;
            } else if self.eat('/') {
                value /= self.power()?;
            } else {
                return Some(value);
            }
        }
    }

    fn power(&mut self) -> Option<f64> {
        self.depth += 1;
        if self.depth > 64 {
            return None;
        }
        let value = if self.eat('-') {
            -self.power()?
        } else {
            let base = self.atom()?;
            if self.eat('^') { base.powf(self.power()?) } else { base }
        };
        self.depth -= 1;
        Some(value)
    }

    fn atom(&mut self) -> Option<f64> {
        if self.eat('(') {
            let value = self.sum()?;
            return self.eat(')').then_some(value);
        }
        for (name, value) in
            [("tau", std::f64::consts::TAU), ("pi", std::f64::consts::PI), ("π", std::f64::consts::PI)]
        {
            if let Some(rest) = self.rest.strip_prefix(name) {
                self.rest = rest;
                return Some(value);
            }
        }
        let end = self.number_end();
        let (number, rest) = self.rest.split_at(end);
        let value = number.parse().ok()?;
        self.rest = rest;
        Some(value)
    }

    fn number_end(&self) -> usize {
        let bytes = self.rest.as_bytes();
        let mut end = 0;
        while let Some(&byte) = bytes.get(end) {
            let exponent = matches!(byte, b'e' | b'E') && end > 0;
            let sign = matches!(byte, b'+' | b'-') && end > 0 && matches!(bytes[end - 1], b'e' | b'E');
            if byte.is_ascii_digit() || byte == b'.' || exponent || sign {
                end += 1;
            } else {
                break;
            }
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_and_units_are_read() {
        let near = |text: &str, unit: &str, want: f64| {
            let got = evaluate(text, unit).unwrap();
            assert!((got - want).abs() < 1e-12, "{text}: {got}");
        };
        near("2*pi", "", std::f64::consts::TAU);
        near("1e-3", "", 1e-3);
        near("260 ms", "ms", 260.0);
        near("-(1+2)/4", "", -0.75);
        near("2^3^0", "", 2.0);
        near("\u{2212}0.5 ×", "×", -0.5);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "abc", "1+", "(1", "1)", "1/0", "nan", "inf", "1..2", &"(".repeat(1000)] {
            assert_eq!(evaluate(text, ""), None, "{text}");
        }
    }
}
