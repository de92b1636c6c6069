//! Tables: virtualised rows, numbers aligned on the decimal sign, sorted by a click, copied as TSV.

use egui::{Align2, Rect, Role, ScrollArea, Sense, Stroke, Ui, pos2, vec2};

use super::{Ring, focus_ring, name_selected};
use crate::theme::{Text, metrics, tokens};

/// One column: what its header says (with the unit) and how much of the width it takes.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    pub title: &'a str,
    pub share: f32,
    /// Numbers are aligned right, words left.
    pub number: bool,
}

/// A table whose cells are asked for when they come into view.
pub struct Table<'a> {
    pub name: &'a str,
    pub columns: &'a [Column<'a>],
    pub rows: usize,
    pub selected: Option<usize>,
    /// The column sorted by, and whether downwards.
    pub sorted: Option<(usize, bool)>,
}

/// What was done to a table in this frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableEvent {
    pub row: Option<usize>,
    pub header: Option<usize>,
}

const HEADER: f32 = 26.0;

impl Table<'_> {
    /// Draws the rows in view; `cell(row, column)` gives the text.
    pub fn show(&self, ui: &mut Ui, mut cell: impl FnMut(usize, usize) -> String) -> TableEvent {
        let mut event = TableEvent { row: None, header: self.header(ui) };
        ScrollArea::vertical().id_salt(self.name).auto_shrink([false, true]).show_rows(
            ui,
            metrics::ROW,
            self.rows,
            |ui, range| {
                ui.spacing_mut().item_spacing.y = 0.0;
                for row in range {
                    if self.row(ui, row, &mut cell) {
                        event.row = Some(row);
                    }
                }
            },
        );
        event
    }

    fn header(&self, ui: &mut Ui) -> Option<usize> {
        let t = tokens(ui);
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEADER), Sense::hover());
        let mut clicked = None;
        for (i, (column, at)) in self.cells(rect).enumerate() {
            let response = ui.interact(at, ui.scope_id().with((self.name, "header", i)), Sense::click());
            let mut title = column.title.to_owned();
            if let Some((by, down)) = self.sorted
                && by == i
            {
                title.push_str(if down { " ↓" } else { " ↑" });
            }
            let (at, align) = anchor(column, at);
            ui.painter().text(at, align, &title, Text::Caption.font(), t.text3);
            super::name(&response, Role::ColumnHeader, column.title);
            if response.clicked() {
                clicked = Some(i);
            }
        }
        let y = rect.bottom() - 0.5;
        ui.painter().hline(rect.x_range(), y, Stroke::new(1.0, t.line_strong));
        clicked
    }

    fn row(&self, ui: &mut Ui, row: usize, cell: &mut impl FnMut(usize, usize) -> String) -> bool {
        let t = tokens(ui);
        let (rect, response) =
            ui.allocate_exact_size(vec2(ui.available_width(), metrics::ROW), Sense::click());
        let selected = self.selected == Some(row);
        if selected {
            ui.painter().rect_filled(rect, 0, t.sel);
        } else if response.hovered() {
            ui.painter().rect_filled(rect, 0, t.hover);
        }
        let mut first = String::new();
        for (i, (column, at)) in self.cells(rect).enumerate() {
            let text = cell(row, i);
            let (at, align) = anchor(column, at);
            ui.painter().text(at, align, &text, Text::Small.font(), t.text);
            if i == 0 {
                first = text;
            }
        }
        ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, t.line));
        focus_ring(ui, &response, rect, 0, Ring::Inside);
        name_selected(&response, Role::Row, selected, &format!("{}: {first}", self.name));
        response.clicked()
    }

    fn cells(&self, rect: Rect) -> impl Iterator<Item = (&Column<'_>, Rect)> {
        let total: f32 = self.columns.iter().map(|column| column.share).sum();
        let mut x = rect.left();
        self.columns.iter().map(move |column| {
            let width = rect.width() * column.share / total;
            let cell = Rect::from_min_size(pos2(x, rect.top()), vec2(width, rect.height()));
            x += width;
            (column, cell)
        })
    }

    /// The whole table with its header, tab-separated, for the clipboard.
    pub fn tsv(&self, mut cell: impl FnMut(usize, usize) -> String) -> String {
        let mut out: Vec<String> =
            vec![self.columns.iter().map(|column| column.title).collect::<Vec<_>>().join("\t")];
        for row in 0..self.rows {
            out.push((0..self.columns.len()).map(|i| cell(row, i)).collect::<Vec<_>>().join("\t"));
        }
        out.join("\n")
    }
}

fn anchor(column: &Column<'_>, cell: Rect) -> (egui::Pos2, Align2) {
    if column.number {
        (pos2(cell.right() - 8.0, cell.center().y), Align2::RIGHT_CENTER)
    } else {
        (pos2(cell.left() + 8.0, cell.center().y), Align2::LEFT_CENTER)
    }
}
