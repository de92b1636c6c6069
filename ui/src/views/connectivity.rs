//! Connectivity: the model in use as a graph, folded or unrolled in time, and what it costs.

mod fit;
mod paint;
mod words;

use std::sync::Arc;

use egui::{Align2, Rect, Role, ScrollArea, Sense, Stroke, Ui, pos2, vec2};
use gainfield::connectivity::{About, Diagram, Drawing, FoldedOptions, folded, unrolled};
use gainfield::dynamics::{Graph, TimeUnit};
use gainfield::model::Family;

use super::{nothing_to_draw, toolbar};
use crate::command::Command;
use crate::figure_ui::paint_line;
use crate::icons;
use crate::item::{ItemId, ModelInfo};
use crate::panels::inspector::call_variant_editor;
use crate::theme::{Text, tokens};
use crate::view::{Out, View};
use crate::widgets::{self, Button, EmptyState, empty_state};

use fit::Fitted;

/// Most timesteps side by side.
const MOST_TIMESTEPS: usize = 12;
/// Height of the row that tells the lines apart, and of the row of totals.
const LEGEND: f32 = 20.0;
const FOOTER: f32 = 24.0;

/// State that only the screen knows.
#[derive(Default)]
pub struct Connectivity {
    is_unrolled: bool,
    diagram: Option<(DiagramKey, Diagram)>,
    fitted: Option<(FitKey, Fitted)>,
}

/// What a diagram follows from.
#[derive(Clone, Copy, PartialEq, Eq)]
struct DiagramKey {
    /// Address of the graph, which the model keeps.
    graph: usize,
    /// Timesteps of the unrolled picture; `None` is folded.
    columns: Option<usize>,
    timesteps: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct FitKey {
    diagram: DiagramKey,
    /// Room, in whole points.
    room: [i32; 2],
}

/// What the picture is of, and the moment that it shows.
pub(super) struct Scene<'a> {
    pub model: &'a ModelInfo,
    /// Timestep of the playhead in a recording of this model.
    pub cursor: Option<usize>,
    pub selected: Option<&'a str>,
}

impl Scene<'_> {
    pub fn graph(&self) -> &Graph {
        &self.model.graph
    }

    /// Whether a node holds a value at the playhead, or anywhere without a recording.
    fn is_live(&self, node: usize, delay: usize) -> bool {
        let Some(cursor) = self.cursor else { return true };
        self.graph().nodes[node].live_from.is_some_and(|from| from + delay <= cursor)
    }
}

impl Connectivity {
    pub fn show(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        let Some(model) = view.document.current_model() else {
            let state = EmptyState {
                title: "No model yet",
                sentence: "Open a checkpoint to see its areas and what joins them.",
                primary: Some(("Open…", icons::ADD)),
                quiet: None,
            };
            if empty_state(ui, &state).is_some() {
                out.push(Command::OpenFiles);
            }
            return;
        };
        let run = view.run().filter(|_| {
            let recorded = view.document.current_recording().map(|info| info.model);
            recorded.is_some() && recorded == view.document.model
        });
        let scene = Scene {
            model,
            cursor: run.map(|_| view.clock.cursor()),
            selected: view.document.area.as_deref(),
        };
        let length = run.map(|run| run.recording.n_timesteps);
        let key = self.key(model, length);
        let is_matrix = model.about.family == Family::Blt && model.about.variant.starts_with("blt_");
        let editable = view.document.model.filter(|_| is_matrix);
        self.tools(ui, key.columns.zip(length), editable, out);
        let area = ui.available_rect_before_wrap();
        let legend = Rect::from_min_size(area.min, vec2(area.width(), LEGEND));
        paint::legend(ui, scene.graph(), legend);
        let footer = Rect::from_min_max(pos2(area.left(), area.bottom() - FOOTER), area.max);
        let body = Rect::from_min_max(legend.left_bottom(), footer.right_top()).shrink2(vec2(8.0, 6.0));
        if body.width() > 40.0 && body.height() > 40.0 {
            self.build(model, key, body);
            if let Some((_, fitted)) = &self.fitted {
                picture(ui, fitted, &scene, body, out);
            }
        }
        totals(ui, model, run.and_then(|run| run.ms_per_step), footer);
        ui.advance_cursor_after_rect(area);
    }

    fn key(&self, model: &ModelInfo, length: Option<usize>) -> DiagramKey {
        let timesteps = model.timesteps.or(length).unwrap_or(1);
        let columns = length.unwrap_or(timesteps).clamp(1, MOST_TIMESTEPS);
        DiagramKey {
            graph: Arc::as_ptr(&model.graph) as usize,
            columns: self.is_unrolled.then_some(columns),
            timesteps,
        }
    }

    /// The diagram of `key`, drawn once.
    fn diagram(&mut self, model: &ModelInfo, key: DiagramKey) -> &Diagram {
        if self.diagram.as_ref().is_none_or(|(known, _)| *known != key) {
            self.diagram = None;
        }
        let (_, diagram) = self.diagram.get_or_insert_with(|| (key, diagram_of(model, key)));
        diagram
    }

    fn build(&mut self, model: &ModelInfo, diagram: DiagramKey, body: Rect) {
        let key = FitKey { diagram, room: [body.width() as i32, body.height() as i32] };
        if self.fitted.as_ref().is_none_or(|(known, _)| *known != key) {
            let fitted = Fitted::new(self.diagram(model, diagram), &model.graph, body.size());
            self.fitted = Some((key, fitted));
        }
    }

    /// `shown`: timesteps in the picture and in the run; `editable`: a model that a matrix makes.
    fn tools(
        &mut self,
        ui: &mut Ui,
        shown: Option<(usize, usize)>,
        editable: Option<ItemId>,
        out: &mut Out<'_>,
    ) {
        let t = tokens(ui);
        let mut chosen = None;
        let at = usize::from(self.is_unrolled);
        toolbar(
            ui,
            |ui| chosen = widgets::segmented(ui, "Connectivity", &["Folded", "Unrolled in time"], at, true),
            |ui| {
                if let Some(model) = editable {
                    let tip = "Other connections, pooling or timesteps, in the inspector";
                    if ui.add(Button::new("New variant…").icon(icons::GRID).small().tooltip(tip)).clicked()
                    {
                        out.push(Command::Select(model));
                        call_variant_editor(ui.ctx());
                    }
                }
                if let Some((columns, n)) = shown.filter(|(columns, n)| columns < n) {
                    ui.label(Text::Small.rich(format!("first {columns} of {n} timesteps"), t.text3));
                }
            },
        );
        if let Some(chosen) = chosen {
            self.is_unrolled = chosen == 1;
        }
    }

    /// What is shown, with its numbers, for files.
    pub fn drawing(&self, view: &View<'_>) -> gainfield::Result<Drawing> {
        let model = view.document.current_model().ok_or_else(|| nothing_to_draw("graph"))?;
        let run = view.run();
        let key = self.key(model, run.map(|run| run.recording.n_timesteps));
        Ok(Drawing {
            graph: Graph::clone(&model.graph),
            about: About {
                family: model.about.family.name().to_owned(),
                variant: model.about.variant.clone(),
                n_parameters: model.parameters,
                ms_per_timestep: run.and_then(|run| run.ms_per_step),
            },
            diagram: diagram_of(model, key),
        })
    }

    /// The flags of `gainfield connectivity` that draw what is shown.
    pub fn flags(&self, view: &View<'_>) -> String {
        let Some(model) = view.document.current_model() else { return String::new() };
        match self.key(model, view.run().map(|run| run.recording.n_timesteps)).columns {
            Some(columns) => format!(" --unrolled --steps {columns}"),
            None => " --input".to_owned(),
        }
    }
}

fn diagram_of(model: &ModelInfo, key: DiagramKey) -> Diagram {
    match key.columns {
        Some(columns) => unrolled(&model.graph, columns),
        None => {
            let options = FoldedOptions {
                n_parameters: model.parameters,
                n_timesteps: key.timesteps,
                shows_input: true,
            };
            folded(&model.graph, &options)
        }
    }
}

/// The picture, scrolled where it is larger than its room.
fn picture(ui: &mut Ui, fitted: &Fitted, scene: &Scene<'_>, body: Rect, out: &mut Out<'_>) {
    let builder = egui::UiBuilder::new().max_rect(body).id_salt("connectivity picture");
    ui.scope_builder(builder, |ui| {
        let area = ScrollArea::both().id_salt("graph").auto_shrink([false, false]);
        area.show(ui, |ui| {
            let size = fitted.size().max(ui.available_size());
            let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
            let origin = rect.min + ((rect.size() - fitted.size()) / 2.0).max(egui::Vec2::ZERO);
            widgets::name(&response, Role::Figure, "Connectivity");
            let hovered = hit(ui, fitted, scene, origin.to_vec2(), out);
            paint::picture(ui, fitted, scene, origin.to_vec2(), rect, hovered);
            if let Some(Target::Arrow(arrow)) = hovered
                && let Some(connection) = fitted.arrows[arrow].connection
            {
                out.say(words::connection_line(scene.graph(), connection));
                response.on_hover_ui_at_pointer(|ui| words::connection(ui, scene.graph(), connection));
            }
        });
    });
}

/// What the pointer is over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Node(usize),
    Arrow(usize),
}

/// Boxes take clicks; an arrow is hit within a few points of its line.
fn hit(ui: &Ui, fitted: &Fitted, scene: &Scene<'_>, origin: egui::Vec2, out: &mut Out<'_>) -> Option<Target> {
    let mut hovered = None;
    for placed in &fitted.boxes {
        let Some(place) = placed.place else { continue };
        let node = &scene.graph().nodes[place.node];
        let rect = placed.rect.translate(origin);
        let id = ui.scope_id().with(("node", place.node, place.t));
        let response = ui.interact(rect.expand(2.0), id, Sense::click());
        let selected = scene.selected == Some(node.name.as_str());
        let name = match fitted.is_unrolled {
            true => format!("Node {} at t = {}", node.name, place.t),
            false => format!("Node {}", node.name),
        };
        widgets::name_selected(&response, Role::ListItem, selected, &name);
        if response.hovered() {
            hovered = Some(Target::Node(place.node));
            out.say(words::node_line(scene.model, place.node));
        }
        if response.clicked() {
            if scene.model.area(&node.name).is_some() {
                out.push(Command::SelectArea(node.name.clone()));
            }
            if fitted.is_unrolled && scene.cursor.is_some() {
                out.push(Command::Seek(place.t));
            }
        }
        widgets::focus_ring(ui, &response, rect, 6, widgets::Ring::Outside);
        response.on_hover_ui(|ui| words::node(ui, scene.model, place.node));
    }
    if hovered.is_some() {
        return hovered;
    }
    let pointer = ui.input(|input| input.pointer.hover_pos()).filter(|p| ui.clip_rect().contains(*p))?;
    let at = pointer - origin;
    let near = fitted.arrows.iter().enumerate().filter(|(_, arrow)| arrow.connection.is_some());
    let near = near.map(|(index, arrow)| (index, fit::distance(&arrow.points, at)));
    let (index, distance) = near.min_by(|a, b| a.1.total_cmp(&b.1))?;
    (distance < 6.0).then_some(Target::Arrow(index))
}

/// Parameters, multiply-adds, state and time, each with its unit.
fn totals(ui: &Ui, model: &ModelInfo, ms: Option<f64>, row: Rect) {
    let t = tokens(ui);
    ui.painter().hline(row.x_range(), row.top() + 0.5, Stroke::new(1.0, t.line));
    let step = match model.time_unit {
        TimeUnit::Ms { .. } => "timestep",
        unit => unit.name(),
    };
    let time = ms.map_or_else(
        || ("–".to_owned(), "measured in the next run that computes a timestep".to_owned()),
        |ms| {
            let value = gainfield::figure::number::significant(ms, 3);
            (value, "median over the timesteps that the shown run computed, without recording".to_owned())
        },
    );
    let macs = model.graph.multiply_adds();
    let state = model.graph.state_bytes();
    let whole = |n: u64| gainfield::figure::number::count(n as usize);
    let facts = [
        (
            format!("{} parameters", words::short(model.parameters as f64)),
            format!("{} learnable numbers", whole(model.parameters as u64)),
        ),
        (
            format!("{} multiply-adds per {step}", words::short(macs as f64)),
            format!("{} multiply-adds of one trial in one {step}, norms not counted", whole(macs)),
        ),
        (
            format!("{}B state", words::short(state as f64)),
            format!("{} bytes hold the state of one trial", whole(state as u64)),
        ),
        (format!("{} ms per {step}", time.0), time.1),
    ];
    let laid_out = |text: &str| ui.painter().layout_no_wrap(text.to_owned(), Text::Caption.font(), t.text2);
    let gap = 18.0;
    let width = |text: &str| laid_out(text).size().x;
    let wanted: f32 = facts.iter().map(|(text, _)| width(text)).sum::<f32>() + 3.0 * gap;
    let is_tight = wanted > row.width() - 24.0;
    let gap = if is_tight { 10.0 } else { gap };
    let shown = |text: &str| if is_tight { text.replace(" per ", "/") } else { text.to_owned() };
    let galleys = facts.map(|(text, help)| (laid_out(&shown(&text)), text, help));
    let mut x = row.left() + 12.0;
    for (index, (galley, text, help)) in galleys.into_iter().enumerate() {
        let rect = Rect::from_min_size(pos2(x, row.top()), vec2(galley.size().x, row.height()));
        let at = pos2(x, row.center().y - galley.size().y / 2.0);
        ui.painter_at(row).galley(at, galley, t.text2);
        let response = ui.interact(rect, ui.scope_id().with(("total", index)), Sense::hover());
        widgets::name(&response, Role::Label, &text);
        response.on_hover_text(help);
        x = rect.right() + gap;
    }
}

/// A sample of a line for the legend: `at` is its left end.
fn sample(ui: &Ui, at: egui::Pos2, color: egui::Color32, pattern: &[f32], word: &str) -> f32 {
    let t = tokens(ui);
    let ends = [at, at + vec2(24.0, 0.0)];
    paint_line(ui.painter(), &ends, Stroke::new(1.8, color), pattern);
    let at = ends[1] + vec2(6.0, 0.0);
    let text = ui.painter().text(at, Align2::LEFT_CENTER, word, Text::Caption.font(), t.text2);
    text.right()
}
