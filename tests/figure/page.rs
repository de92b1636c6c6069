//! An SVG read back: where its text lies, how wide its strokes are, what its pictures hold.

use gainfield::figure::fonts::{self, Weight};
use resvg::usvg::roxmltree::{Document, Node};

/// One line of text with the rectangle that it covers: left, top, right, bottom.
pub struct Text {
    pub text: String,
    pub size: f64,
    pub fill: String,
    pub rect: [f64; 4],
}

/// What a page holds.
pub struct Page {
    size: [f64; 2],
    pub texts: Vec<Text>,
    pub strokes: Vec<f64>,
    /// Columns and rows of embedded pictures.
    pub pictures: Vec<[u32; 2]>,
    pub n_elements: usize,
}

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).and_then(|text| text.parse().ok()).unwrap_or(0.0)
}

fn text(node: Node<'_, '_>) -> Text {
    let text = node.text().unwrap_or_default().to_owned();
    let size = number(node, "font-size");
    let weight = if node.attribute("font-weight").is_some() { Weight::Bold } else { Weight::Regular };
    let width = fonts::width(&text, size, weight);
    let before = match node.attribute("text-anchor") {
        None => 0.0,
        Some("middle") => 0.5 * width,
        Some("end") => width,
        Some(other) => panic!("anchor {other}"),
    };
    let [x, y] = [number(node, "x"), number(node, "y")];
    let (ascent, descent) = (size * fonts::CAP_HEIGHT, 0.0);
    let rect = match node.attribute("transform") {
        None => [x - before, y - ascent, x - before + width, y + descent],
        Some(turn) => {
            assert!(turn.starts_with("rotate(-90 "), "{turn}");
            [x - ascent, y + before - width, x + descent, y + before]
        }
    };
    Text { text, size, fill: node.attribute("fill").unwrap_or_default().to_owned(), rect }
}

impl Page {
    pub fn read(svg: &str) -> Self {
        let document = Document::parse(svg).expect("the SVG is well-formed XML");
        let root = document.root_element();
        let view: Vec<f64> =
            root.attribute("viewBox").unwrap().split(' ').map(|v| v.parse().unwrap()).collect();
        let elements: Vec<Node<'_, '_>> = root.descendants().filter(Node::is_element).collect();
        let pictures =
            elements.iter().filter_map(|node| node.attribute(("http://www.w3.org/1999/xlink", "href")));
        Self {
            size: [view[2], view[3]],
            texts: elements.iter().filter(|node| node.has_tag_name("text")).map(|node| text(*node)).collect(),
            strokes: elements
                .iter()
                .filter(|node| node.attribute("stroke-width").is_some() && !in_definitions(**node))
                .map(|node| number(*node, "stroke-width"))
                .collect(),
            pictures: pictures.map(picture_size).collect(),
            n_elements: elements.len(),
        }
    }

    /// Every line of text lies on the page and clear of every other.
    pub fn assert_legible(&self, what: &str) {
        for (i, a) in self.texts.iter().enumerate() {
            let [left, top, right, bottom] = a.rect;
            let inside =
                left > -0.5 && top > -0.5 && right < self.size[0] + 0.5 && bottom < self.size[1] + 0.5;
            assert!(inside, "{what}: {:?} leaves the page {:?}: {:?}", a.text, self.size, a.rect);
            for b in &self.texts[..i] {
                let apart =
                    left >= b.rect[2] || b.rect[0] >= right || top >= b.rect[3] || b.rect[1] >= bottom;
                assert!(apart, "{what}: {:?} {:?} on {:?} {:?}", a.text, a.rect, b.text, b.rect);
            }
        }
    }
}

fn in_definitions(node: Node<'_, '_>) -> bool {
    node.ancestors().any(|node| node.has_tag_name("defs"))
}

fn picture_size(href: &str) -> [u32; 2] {
    let data = href.strip_prefix("data:image/png;base64,").expect("pictures are embedded");
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let bits: Vec<u32> = data.bytes().take(32).map(|c| u32::from(digit(c))).collect();
    let bytes: Vec<u8> = bits
        .chunks(4)
        .flat_map(|four| {
            let bits = four.iter().fold(0, |bits, digit| bits << 6 | digit);
            [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8]
        })
        .collect();
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
    [&bytes[16..20], &bytes[20..24]].map(|side| u32::from_be_bytes(side.try_into().unwrap()))
}
