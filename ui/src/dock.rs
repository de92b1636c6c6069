//! Views as docking panes: which there are, how each layout arranges them, how tabs look.

use egui::{
    Align2, Color32, CornerRadius, Id, Response, Role, Sense, Stroke, Ui, Visuals, WidgetText, pos2, vec2,
};
use egui_tiles::{
    Behavior, Container, EditAction, Linear, LinearDir, ResizeState, SimplificationOptions, TabState, Tabs,
    Tile, TileId, Tiles, Tree, UiResponse,
};
use serde::{Deserialize, Serialize};

use crate::command::{Command, ExportFormat, Layout};
use crate::icons;
use crate::theme::{DARK, LIGHT, Text, Tokens, metrics, tokens};
use crate::view::{Out, View};
use crate::views::Views;
use crate::widgets::{Ring, focus_ring, icon_button, name_selected};

/// The kinds of view. A pane is one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ViewKind {
    StimulusAttention,
    AreaMaps,
    Connectivity,
    UnitTraces,
    Readout,
    Tuning,
    Units,
    Scaling,
    Population,
    ReceptiveField,
    Inhibition,
    UpdateAgreement,
    FirstMetric,
    SecondMetric,
    Accuracy,
    Samples,
    Job,
    Log,
}

impl ViewKind {
    /// Where no document says more; see [`Views::title`].
    pub fn title(self) -> &'static str {
        match self {
            Self::StimulusAttention => "Stimulus & attention",
            Self::AreaMaps => "Area maps",
            Self::Connectivity => "Connectivity",
            Self::UnitTraces => "Unit traces",
            Self::Readout => "Readout",
            Self::Tuning => "Tuning",
            Self::Units => "Units",
            Self::Scaling => "Attention scaling",
            Self::Population => "Population",
            Self::ReceptiveField => "Receptive field",
            Self::Inhibition => "Inhibition of return",
            Self::UpdateAgreement => "Counter-Hebb update",
            Self::FirstMetric => "Loss",
            Self::SecondMetric => "Second curve",
            Self::Accuracy => "Accuracy",
            Self::Samples => "Samples",
            Self::Job => "Job",
            Self::Log => "Log",
        }
    }

    /// Whether there is a figure of it to take home.
    pub fn is_exported(self) -> bool {
        !matches!(self, Self::Log | Self::Job)
    }
}

/// Bumped when stored layouts no longer fit the views there are.
pub const LAYOUT_VERSION: u32 = 3;

/// How the views of one layout are arranged before anybody moves them.
pub fn shipped(layout: Layout) -> Tree<ViewKind> {
    let mut tiles = Tiles::default();
    let root = match layout {
        Layout::Step => {
            let stimulus = tabs(&mut tiles, &[ViewKind::StimulusAttention]);
            let maps = tabs(&mut tiles, &[ViewKind::AreaMaps, ViewKind::Connectivity]);
            let traces = tabs(&mut tiles, &[ViewKind::UnitTraces, ViewKind::ReceptiveField]);
            let readout = tabs(&mut tiles, &[ViewKind::Readout, ViewKind::Log]);
            let right = split(&mut tiles, LinearDir::Vertical, &[(traces, 300.0), (readout, 240.0)]);
            split(&mut tiles, LinearDir::Horizontal, &[(stimulus, 408.0), (maps, 486.0), (right, 294.0)])
        }
        Layout::Train => {
            let first = tabs(&mut tiles, &[ViewKind::FirstMetric]);
            let second = tabs(&mut tiles, &[ViewKind::SecondMetric]);
            let accuracy = tabs(&mut tiles, &[ViewKind::Accuracy]);
            let curves = [(first, 388.0), (second, 388.0), (accuracy, 388.0)];
            let top = split(&mut tiles, LinearDir::Horizontal, &curves);
            let samples = tabs(&mut tiles, &[ViewKind::Samples]);
            let job = tabs(&mut tiles, &[ViewKind::Job, ViewKind::Log]);
            let bottom = split(&mut tiles, LinearDir::Horizontal, &[(samples, 784.0), (job, 380.0)]);
            split(&mut tiles, LinearDir::Vertical, &[(top, 320.0), (bottom, 468.0)])
        }
        Layout::Probe => {
            let tuning = tabs(&mut tiles, &[ViewKind::Tuning, ViewKind::ReceptiveField]);
            let units = tabs(&mut tiles, &[ViewKind::Units, ViewKind::Log]);
            let left = split(&mut tiles, LinearDir::Vertical, &[(tuning, 438.0), (units, 300.0)]);
            let scaling = tabs(&mut tiles, &[ViewKind::Scaling]);
            let population =
                tabs(&mut tiles, &[ViewKind::Population, ViewKind::Inhibition, ViewKind::UpdateAgreement]);
            let right = split(&mut tiles, LinearDir::Vertical, &[(scaling, 400.0), (population, 338.0)]);
            split(&mut tiles, LinearDir::Horizontal, &[(left, 706.0), (right, 482.0)])
        }
    };
    Tree::new(Id::unique(("views", layout.name())), root, tiles)
}

fn tabs(tiles: &mut Tiles<ViewKind>, views: &[ViewKind]) -> TileId {
    let children = views.iter().map(|&view| tiles.insert_pane(view)).collect();
    tiles.insert_tab_tile(children)
}

fn split(tiles: &mut Tiles<ViewKind>, dir: LinearDir, parts: &[(TileId, f32)]) -> TileId {
    let mut linear = Linear::new(dir, parts.iter().map(|(id, _)| *id).collect());
    for (id, share) in parts {
        linear.shares.set_share(*id, *share);
    }
    tiles.insert_container(Container::Linear(linear))
}

/// Whether a restored tree can be trusted: it has a root, and every view that the layout ships.
pub fn is_sound(tree: &Tree<ViewKind>, layout: Layout) -> bool {
    let panes = |tree: &Tree<ViewKind>| -> std::collections::BTreeSet<ViewKind> {
        tree.tiles
            .tiles()
            .filter_map(|tile| match tile {
                Tile::Pane(view) => Some(*view),
                Tile::Container(_) => None,
            })
            .collect()
    };
    tree.root().is_some_and(|root| tree.tiles.get(root).is_some())
        && panes(&shipped(layout)).is_subset(&panes(tree))
}

/// Paints tabs and views, and turns what is clicked into commands.
pub struct Dock<'a, 'o> {
    pub views: &'a mut Views,
    pub view: &'a View<'a>,
    pub out: &'a mut Out<'o>,
    /// The view under the pointer, for export by key.
    pub hovered: &'a mut ViewKind,
    pub edited: bool,
}

fn theme(visuals: &Visuals) -> &'static Tokens {
    if visuals.dark_mode { &DARK } else { &LIGHT }
}

impl Behavior<ViewKind> for Dock<'_, '_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile_id: TileId, pane: &mut ViewKind) -> UiResponse {
        let rect = ui.max_rect();
        ui.painter().rect_filled(rect, 0, tokens(ui).panel);
        if ui.rect_contains_pointer(rect) {
            *self.hovered = *pane;
        }
        self.views.show(*pane, ui, self.view, self.out);
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, pane: &ViewKind) -> WidgetText {
        self.views.title(*pane, self.view).into()
    }

    fn tab_ui(
        &mut self,
        tiles: &mut Tiles<ViewKind>,
        ui: &mut Ui,
        id: Id,
        tile_id: TileId,
        state: &TabState,
    ) -> Response {
        let t = tokens(ui);
        let title = self.tab_title_for_tile(tiles, tile_id);
        let title = title.text().to_owned();
        let style = if state.active { Text::Strong } else { Text::Body };
        let color = if state.active { t.text } else { t.text2 };
        let galley = ui.painter().layout_no_wrap(title.clone(), style.font(), color);
        let size = vec2(galley.size().x + 24.0, ui.available_height());
        let (_, rect) = ui.allocate_space(size);
        let response = ui.interact(rect, id, Sense::click_and_drag());
        if ui.is_rect_visible(rect) && !state.is_being_dragged {
            let at = pos2(rect.left() + 12.0, rect.center().y - galley.size().y / 2.0);
            let color = if response.hovered() { t.text } else { color };
            ui.painter().galley_with_override_text_color(at, galley, color);
            if state.active {
                let rule = egui::Rect::from_min_max(
                    pos2(rect.left() + 8.0, rect.bottom() - 2.0),
                    pos2(rect.right() - 8.0, rect.bottom()),
                );
                ui.painter().rect_filled(rule, CornerRadius::ZERO, t.accent);
            }
        }
        focus_ring(ui, &response, rect, 0, Ring::Inside);
        name_selected(&response, Role::Tab, state.active, &title);
        if response.double_clicked()
            && let Some(view) = tiles.get_pane(&tile_id)
        {
            self.out.commands.push(Command::Maximise(*view));
        }
        response
    }

    fn drag_ui(&mut self, tiles: &Tiles<ViewKind>, ui: &mut Ui, tile_id: TileId) {
        let t = tokens(ui);
        let title = self.tab_title_for_tile(tiles, tile_id);
        let galley = ui.painter().layout_no_wrap(title.text().to_owned(), Text::Strong.font(), t.text);
        let (rect, _) = ui.allocate_exact_size(galley.size() + vec2(24.0, 10.0), Sense::hover());
        ui.painter().rect_filled(rect, CornerRadius::same(5), t.overlay);
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, title.text(), Text::Strong.font(), t.text);
    }

    fn top_bar_right_ui(
        &mut self,
        tiles: &Tiles<ViewKind>,
        ui: &mut Ui,
        _tile_id: TileId,
        tabs: &Tabs,
        _scroll_offset: &mut f32,
    ) {
        let Some(view) = tabs.active.and_then(|active| tiles.get_pane(&active)).copied() else { return };
        ui.spacing_mut().item_spacing.x = 2.0;
        ui.add_space(6.0);
        let menu = icon_button(
            ui,
            icons::MENU,
            &format!("{} menu", self.views.title(view, self.view)),
            None,
            vec2(24.0, 24.0),
        );
        egui::Popup::menu(&menu).show(|ui| self.view_menu(ui, view));
        if view.is_exported() {
            let label = format!("Export {}", self.views.title(view, self.view));
            if icon_button(ui, icons::EXPORT, &label, Some("E"), vec2(24.0, 24.0)).clicked() {
                self.out.commands.push(Command::Export(view, ExportFormat::All));
            }
        }
    }

    fn tab_bar_height(&self, _style: &egui::Style) -> f32 {
        metrics::TAB_BAR
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        1.0
    }

    fn min_size(&self) -> f32 {
        120.0
    }

    fn tab_bar_color(&self, visuals: &Visuals) -> Color32 {
        theme(visuals).base
    }

    fn tab_bar_hline_stroke(&self, visuals: &Visuals) -> Stroke {
        Stroke::new(1.0, theme(visuals).line)
    }

    fn resize_stroke(&self, style: &egui::Style, state: ResizeState) -> Stroke {
        let t = theme(&style.visuals);
        match state {
            ResizeState::Idle => Stroke::new(1.0, t.line),
            ResizeState::Hovering | ResizeState::Dragging => Stroke::new(1.0, t.accent),
        }
    }

    fn dragged_overlay_color(&self, visuals: &Visuals) -> Color32 {
        theme(visuals).accent.gamma_multiply(0.18)
    }

    fn drag_preview_stroke(&self, visuals: &Visuals) -> Stroke {
        Stroke::new(1.0, theme(visuals).accent)
    }

    fn drag_preview_color(&self, visuals: &Visuals) -> Color32 {
        theme(visuals).accent.gamma_multiply(0.18)
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: true, ..SimplificationOptions::default() }
    }

    fn on_edit(&mut self, _edit_action: EditAction) {
        self.edited = true;
    }
}

impl Dock<'_, '_> {
    fn view_menu(&mut self, ui: &mut Ui, view: ViewKind) {
        ui.set_min_width(180.0);
        let mut choices = Vec::new();
        if view == ViewKind::Connectivity {
            choices.extend([
                ("Export picture and numbers…", Command::Export(view, ExportFormat::All)),
                ("Export SVG…", Command::Export(view, ExportFormat::Svg)),
                ("Export TikZ…", Command::Export(view, ExportFormat::Tikz)),
                ("Export PNG…", Command::Export(view, ExportFormat::Png)),
                ("Export numbers as JSON, CSV…", Command::Export(view, ExportFormat::Csv)),
                ("Copy as command", Command::CopyAsCommand(view)),
            ]);
        } else if view.is_exported() {
            choices.extend([
                ("Export SVG, PNG, CSV…", Command::Export(view, ExportFormat::All)),
                ("Export SVG…", Command::Export(view, ExportFormat::Svg)),
                ("Export PNG…", Command::Export(view, ExportFormat::Png)),
                ("Export CSV…", Command::Export(view, ExportFormat::Csv)),
                ("Copy as command", Command::CopyAsCommand(view)),
            ]);
        }
        if matches!(view, ViewKind::Tuning | ViewKind::Scaling | ViewKind::Population) {
            choices.push(("Export all panels as one figure…", Command::ExportSummary));
        }
        choices.push(("Maximise", Command::Maximise(view)));
        choices.push(("Reset layout", Command::ResetLayout));
        for (label, command) in choices {
            if ui.button(Text::Small.rich(label, tokens(ui).text)).clicked() {
                self.out.commands.push(command);
                ui.close();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_layouts_are_sound_and_an_empty_one_is_not() {
        for layout in Layout::ALL {
            assert!(is_sound(&shipped(layout), layout), "{layout:?}");
        }
        assert!(!is_sound(&Tree::empty(Id::unique("empty")), Layout::Step));
    }
}
