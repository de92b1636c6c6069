//! Elements of an SVG document as text.

use std::fmt::Write as _;

use crate::figure::colour::{Rgb, hex};
use crate::figure::fonts::Weight;

/// Collects elements, indented by nesting.
pub(super) struct Writer {
    out: String,
    depth: usize,
}

/// How a path is stroked.
#[derive(Clone, Copy)]
pub(super) struct Stroke<'a> {
    pub colour: Rgb,
    pub width: f64,
    pub dash: &'a [f64],
}

impl Stroke<'_> {
    pub fn solid(colour: Rgb, width: f64) -> Self {
        Self { colour, width, dash: &[] }
    }

    pub fn attributes(&self) -> String {
        let mut text = format!("stroke=\"{}\" stroke-width=\"{}\"", hex(self.colour), length(self.width));
        if !self.dash.is_empty() {
            let dash: Vec<String> = self.dash.iter().map(|&d| length(d)).collect();
            let _ = write!(text, " stroke-dasharray=\"{}\"", dash.join(" "));
        }
        text
    }
}

/// Horizontal alignment of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::figure) enum Align {
    Start,
    Middle,
    End,
}

/// A line of text at its baseline.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::figure) struct Words {
    pub at: [f64; 2],
    pub text: String,
    pub size: f64,
    pub colour: Rgb,
    pub align: Align,
    pub weight: Weight,
    /// Reads upwards, turned about `at`.
    pub upwards: bool,
}

impl Words {
    pub fn new(at: [f64; 2], text: impl Into<String>, size: f64, colour: Rgb) -> Self {
        let text = text.into();
        Self { at, text, size, colour, align: Align::Start, weight: Weight::Regular, upwards: false }
    }

    pub fn align(mut self, align: Align) -> Self {
        self.align = align;
        self
    }

    pub fn bold(mut self) -> Self {
        self.weight = Weight::Bold;
        self
    }

    pub fn upwards(mut self) -> Self {
        self.upwards = true;
        self
    }
}

impl Writer {
    pub fn new() -> Self {
        Self { out: String::new(), depth: 0 }
    }

    /// One element or tag on its own line.
    pub fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{:indent$}{text}", "", indent = 2 * self.depth);
    }

    pub fn open(&mut self, tag: &str, attributes: &str) {
        let gap = if attributes.is_empty() { "" } else { " " };
        self.line(&format!("<{tag}{gap}{attributes}>"));
        self.depth += 1;
    }

    pub fn close(&mut self, tag: &str) {
        self.depth = self.depth.saturating_sub(1);
        self.line(&format!("</{tag}>"));
    }

    pub fn words(&mut self, words: &Words) {
        let [x, y] = words.at;
        let mut attributes = format!("x=\"{}\" y=\"{}\"", length(x), length(y));
        if words.upwards {
            let _ = write!(attributes, " transform=\"rotate(-90 {} {})\"", length(x), length(y));
        }
        let _ = write!(attributes, " font-size=\"{}\" fill=\"{}\"", length(words.size), hex(words.colour));
        match words.align {
            Align::Start => {}
            Align::Middle => attributes.push_str(" text-anchor=\"middle\""),
            Align::End => attributes.push_str(" text-anchor=\"end\""),
        }
        if words.weight == Weight::Bold {
            attributes.push_str(" font-weight=\"bold\"");
        }
        self.line(&format!("<text {attributes}>{}</text>", escape(&words.text)));
    }

    /// Straight pieces; each inner list is one run.
    pub fn polyline(&mut self, runs: &[Vec<[f64; 2]>], attributes: &str) {
        let path = path(runs);
        if !path.is_empty() {
            self.line(&format!("<path d=\"{path}\" {attributes}/>"));
        }
    }

    pub fn finish(self) -> String {
        self.out
    }
}

/// `M x y L x y …`; runs of one point become a dot of zero length, which round caps show.
pub(super) fn path(runs: &[Vec<[f64; 2]>]) -> String {
    let mut path = String::new();
    for run in runs {
        for (i, &[x, y]) in run.iter().enumerate() {
            let command = match i {
                0 => "M",
                1 => "L",
                _ => " ",
            };
            let _ = write!(path, "{command}{} {}", length(x), length(y));
        }
        if let [only] = run[..] {
            let _ = write!(path, "L{} {}", length(only[0]), length(only[1]));
        }
    }
    path
}

/// A length with at most two decimals: 0.01 pt is 3.5 µm.
pub(super) fn length(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Text for an element or attribute; control characters, which XML cannot hold, become spaces.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Base64 of RFC 4648, for embedded images.
pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            if i <= chunk.len() {
                out.push(char::from(ALPHABET[(bits >> (18 - 6 * i)) as usize & 63]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_short() {
        assert_eq!(length(12.0), "12");
        assert_eq!(length(0.125), "0.12");
        assert_eq!(length(-0.001), "0");
        assert_eq!(length(100.0), "100");
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(escape("a < b & \"c\"\u{1}"), "a &lt; b &amp; &quot;c&quot; ");
    }

    #[test]
    fn base64_of_the_rfc() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn paths_break_between_runs() {
        assert_eq!(
            path(&[vec![[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], vec![[9.0, 9.0]]]),
            "M0 1L2 3 4 5M9 9L9 9"
        );
    }
}
