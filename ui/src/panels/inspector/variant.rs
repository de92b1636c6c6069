//! The editor of connection matrices: one recurrent network made into another.

use egui::{Align2, Color32, CornerRadius, Rect, Role, Sense, Stroke, StrokeKind, Ui, pos2, vec2};
use gainfield::families::blt::{AREA_NAMES, BltConfig, Config, Link, N_AREAS, Pooling, all_names};
use gainfield::figure::number::count;
use serde_json::{Value, json};

use super::{buttons, fact, note};
use crate::command::Command;
use crate::icons;
use crate::item::{Item, ModelInfo};
use crate::theme::{Text, Tokens, faded, radius, tokens};
use crate::view::Out;
use crate::widgets::{self, Button, Number, Ring, focus_ring};
use crate::worker::new_command;

const POOLS: [Pooling; 3] = [Pooling::Max, Pooling::Avg, Pooling::Blur];
/// Column of the names of sources.
const NAMES: f32 = 30.0;

/// Heading of the editor.
const SECTION: &str = "New variant";

fn call_id() -> egui::Id {
    egui::Id::unique("gainfield.variant_editor_called")
}

/// Opens the editor of the selected model in the next frame, where it can be seen.
pub fn call(ctx: &egui::Context) {
    ctx.data_mut(|data| data.insert_temp(call_id(), true));
    ctx.request_repaint();
}

fn called(ctx: &egui::Context) -> bool {
    ctx.data_mut(|data| data.remove_temp::<bool>(call_id())).unwrap_or(false)
}

/// What is being put together, and what follows from it.
#[derive(Default)]
pub(super) struct Editor {
    /// Digest of the model that it started from.
    of: Option<u64>,
    base: Option<BltConfig>,
    edited: Option<BltConfig>,
    seed: u64,
    told: Told,
}

/// What the window says of a configuration, worked out when it changes.
#[derive(Default)]
struct Told {
    name: String,
    problem: Option<String>,
    parameters: usize,
    /// Timestep of the first answer.
    answers_at: Option<usize>,
    kept: usize,
    drawn: usize,
    set: Vec<(String, Value)>,
    command: String,
}

impl Editor {
    /// Shows nothing for a model that no connection matrix makes.
    pub fn show(&mut self, ui: &mut Ui, item: &Item, info: &ModelInfo, out: &mut Out<'_>) {
        if self.of != Some(info.identity) {
            let base = match Config::resolve(&info.about.config) {
                Ok(Config::Blt(config)) if info.about.family == gainfield::model::Family::Blt => Some(config),
                _ => None,
            };
            *self = Self { of: Some(info.identity), edited: base.clone(), base, ..Self::default() };
            self.tell(info);
        }
        let Some(mut edited) = self.edited.clone() else { return };
        let top = ui.next_widget_position();
        let is_called = called(ui.ctx());
        if is_called {
            widgets::open_section(ui.ctx(), SECTION);
        }
        if !widgets::section(ui, SECTION, None, false) {
            return;
        }
        if is_called {
            let below = Rect::from_min_size(top, vec2(10.0, 240.0));
            ui.scroll_to_rect(below, Some(egui::Align::TOP));
        }
        let seed = self.seed;
        network(ui, &mut edited);
        matrix(ui, &mut edited);
        settings(ui, &mut edited, &mut self.seed);
        if self.edited.as_ref() != Some(&edited) || seed != self.seed {
            self.edited = Some(edited);
            self.tell(info);
        }
        self.outcome(ui, item, info, out);
    }

    /// Works out what there is to say of the configuration.
    fn tell(&mut self, info: &ModelInfo) {
        let (Some(base), Some(edited)) = (&self.base, &self.edited) else { return };
        let old = base.tensors();
        let new = edited.tensors();
        let kept = new.iter().filter(|tensor| old.iter().any(|known| known == *tensor)).count();
        let live = edited.connections.live_from()[N_AREAS - 1];
        let set = differences(base, edited);
        let name = edited.name();
        let out = format!("{name}.safetensors");
        let path = info.about.origin.path.as_deref();
        self.told = Told {
            problem: edited.validate().err().map(|err| err.to_string()),
            parameters: new.n_parameters(),
            answers_at: live,
            kept,
            drawn: new.iter().count() - kept,
            command: new_command(info.about.family.name(), path, &set, self.seed, &out),
            set,
            name,
        };
    }

    fn outcome(&mut self, ui: &mut Ui, item: &Item, info: &ModelInfo, out: &mut Out<'_>) {
        let told = &self.told;
        let is_named = told.name != "blt_custom";
        let name = if is_named { told.name.as_str() } else { "custom" };
        let help =
            if is_named { "The source's builder takes this name" } else { "No name of the source's builder" };
        fact(ui, "Becomes", name, help);
        if let Some(problem) = &told.problem {
            ui.add_space(4.0);
            widgets::error_block(ui, problem);
        } else {
            fact(ui, "Parameters", &count(told.parameters), "Learnable numbers, without buffers");
            if let Some(at) = told.answers_at {
                let unit = info.time_unit;
                fact(
                    ui,
                    "First answer",
                    &crate::liveness::moment(unit, at),
                    "The read-out is not live before",
                );
            }
            let kept = format!("{} kept, {} new", told.kept, told.drawn);
            let help = "Tensors of equal name and shape keep the values of this model; the others are drawn from the seed";
            fact(ui, "Tensors", &kept, help);
        }
        ui.add_space(2.0);
        note(ui, &told.command);
        let why =
            if told.set.is_empty() { Some("Change the network first") } else { told.problem.as_deref() };
        let mut reset = false;
        buttons(ui, |ui| {
            let build = Button::primary("Build").icon(icons::MODEL).small().disabled(why);
            if ui.add(build.tooltip("A new model in the library, run at once")).clicked() {
                out.push(Command::Build { like: item.id, set: told.set.clone(), seed: self.seed });
            }
            let copy = Button::new("Copy as command").icon(icons::COMMAND_LINE).small();
            if ui.add(copy.tooltip(&told.command)).clicked() {
                out.push(Command::CopyText(told.command.clone()));
            }
            if !told.set.is_empty() {
                reset = ui.add(Button::quiet("Reset").small()).clicked();
            }
        });
        if reset {
            self.edited.clone_from(&self.base);
            self.tell(info);
        }
    }
}

/// Keys of the configuration whose values differ.
fn differences(base: &BltConfig, edited: &BltConfig) -> Vec<(String, Value)> {
    let (Value::Object(base), Value::Object(edited)) = (json!(base), json!(edited)) else {
        return Vec::new();
    };
    edited.into_iter().filter(|(key, value)| base.get(key) != Some(value)).collect()
}

/// The builder's name, to start from.
fn network(ui: &mut Ui, edited: &mut BltConfig) {
    let name = edited.name();
    let mut names = all_names();
    if !names.contains(&name) {
        names.insert(0, if name == "blt_custom" { "custom".to_owned() } else { name.clone() });
    }
    let chosen = names.iter().position(|known| *known == name).unwrap_or(0);
    widgets::label_row(ui, "Network", "A network of the source to start from", |ui| {
        let width = ui.available_width() - 14.0;
        if let Some(picked) = widgets::combo(ui, "Network to start from", &names, chosen, width)
            && let Ok(named) = BltConfig::named(&names[picked])
        {
            let widths = if named.geometry == edited.geometry { edited.widths.clone() } else { named.widths };
            edited.connections = named.connections;
            edited.geometry = named.geometry;
            edited.widths = widths;
        }
    });
}

fn settings(ui: &mut Ui, edited: &mut BltConfig, seed: &mut u64) {
    widgets::label_row(ui, "Pooling", "How maps are halved between areas", |ui| {
        let chosen = POOLS.iter().position(|pool| *pool == edited.pool).unwrap_or(0);
        let names = POOLS.map(Pooling::name);
        if let Some(picked) = widgets::segmented(ui, "Pooling", &names, chosen, true) {
            edited.pool = POOLS[picked];
        }
    });
    if !edited.is_one_pass() {
        let number = Number::new("Timesteps", edited.times as f64, 1.0..=1000.0, 1.0)
            .help("Of a run, the first included; more than the way to the top is long", "");
        let row = widgets::label_row(ui, number.label, "Timesteps of a run", |ui| {
            let width = ui.available_width() - 12.0;
            widgets::number_field(ui, &number, width)
        });
        if let Some(times) = row {
            edited.times = times.round() as usize;
        }
    }
    let number = Number::new("Seed of weights", *seed as f64, 0.0..=1e9, 1.0)
        .help("Where the values of new tensors come from", "");
    let row = widgets::label_row(ui, "Seed", "Where the values of new tensors come from", |ui| {
        let width = ui.available_width() - 12.0;
        widgets::number_field(ui, &number, width)
    });
    if let Some(value) = row {
        *seed = value.round() as u64;
    }
}

/// One row per source, one column per target; what is there bears the letter of the builder's names.
fn matrix(ui: &mut Ui, edited: &mut BltConfig) {
    let t = tokens(ui);
    let width = ui.available_width() - 16.0 - NAMES - 12.0;
    let side = (width / N_AREAS as f32).clamp(20.0, 30.0).floor();
    let height = side.min(24.0);
    let size = vec2(ui.available_width(), 34.0 + height * N_AREAS as f32 + 6.0);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let corner = pos2(rect.left() + 16.0 + NAMES, rect.top() + 34.0);
    let middle = corner.x + side * N_AREAS as f32 / 2.0;
    let paint = ui.painter();
    paint.text(pos2(middle, rect.top() + 9.0), Align2::CENTER_CENTER, "to", Text::Caption.font(), t.text3);
    paint.text(
        pos2(rect.left() + 16.0, corner.y - 9.0),
        Align2::LEFT_CENTER,
        "from",
        Text::Caption.font(),
        t.text3,
    );
    for (area, name) in AREA_NAMES.iter().enumerate() {
        let at = pos2(corner.x + (area as f32 + 0.5) * side, corner.y - 9.0);
        paint.text(at, Align2::CENTER_CENTER, name, Text::Caption.font(), t.text2);
        let at = pos2(rect.left() + 16.0, corner.y + (area as f32 + 0.5) * height);
        paint.text(at, Align2::LEFT_CENTER, name, Text::Caption.font(), t.text2);
    }
    let mut changed = None;
    for pre in 0..N_AREAS {
        for post in 0..N_AREAS {
            let at = corner + vec2(post as f32 * side, pre as f32 * height);
            let cell = Rect::from_min_size(at, vec2(side, height)).shrink(1.0);
            if cell_clicked(ui, edited, (pre, post), cell) {
                let is_there = edited.connections.contains(pre, post);
                changed = edited.connections.with(pre, post, !is_there).ok();
            }
        }
    }
    if let Some(connections) = changed {
        edited.connections = connections;
    }
}

fn cell_clicked(ui: &Ui, edited: &BltConfig, (pre, post): (usize, usize), cell: Rect) -> bool {
    let t = tokens(ui);
    let is_there = edited.connections.contains(pre, post);
    let link = Link::between(edited.geometry, pre, post);
    let response = ui.interact(cell, ui.scope_id().with(("cell", pre, post)), Sense::click());
    let corner = CornerRadius::same(radius::FIELD);
    let (color, letter) = kind(t, pre, post);
    if is_there {
        ui.painter().rect_filled(cell, corner, faded(color, if response.hovered() { 0.45 } else { 0.3 }));
        ui.painter().rect_stroke(cell, corner, Stroke::new(1.0, color), StrokeKind::Inside);
        ui.painter().text(cell.center(), Align2::CENTER_CENTER, letter, Text::CaptionStrong.font(), t.text);
    } else {
        let fill = if response.hovered() { t.hover } else { t.well };
        ui.painter().rect(cell, corner, fill, Stroke::new(1.0, t.line), StrokeKind::Inside);
        if link.is_none() {
            widgets::hatch(&ui.painter_at(cell), cell, t.hatch.gamma_multiply(0.6));
        }
    }
    focus_ring(ui, &response, cell, radius::FIELD, Ring::Inside);
    let name = format!("Connection {} to {}", AREA_NAMES[pre], AREA_NAMES[post]);
    widgets::name_selected(&response, Role::CheckBox, is_there, &name);
    let clicked = response.clicked() && (link.is_some() || is_there);
    response.on_hover_ui(|ui| {
        let way = match pre.cmp(&post) {
            std::cmp::Ordering::Less => "bottom-up (B)",
            std::cmp::Ordering::Equal => "lateral (L)",
            std::cmp::Ordering::Greater => "top-down (T)",
        };
        let title = format!("{} → {}, {way}", AREA_NAMES[pre], AREA_NAMES[post]);
        ui.label(Text::SmallStrong.rich(title, t.text));
        ui.label(Text::Small.rich(operation(edited, (pre, post), link), t.text2));
        let state = if is_there { "There; click to take it away" } else { "Not there; click to add it" };
        let state =
            if link.is_some() { state } else { "The source has no kernel for maps so far apart in size" };
        ui.label(Text::Caption.rich(state, t.text3));
    });
    clicked
}

/// Colour and letter of a cell: those of the diagram and of the names.
fn kind(t: &Tokens, pre: usize, post: usize) -> (Color32, &'static str) {
    use gainfield::connectivity::EdgeClass;
    let ground = crate::texture::ground(t.dark);
    let of = |class: EdgeClass| crate::figure_ui::color(class.ink().0.colour(ground));
    match pre.cmp(&post) {
        std::cmp::Ordering::Less => (t.text2, "B"),
        std::cmp::Ordering::Equal => (of(EdgeClass::Rec), "L"),
        std::cmp::Ordering::Greater => (of(EdgeClass::Fb1), "T"),
    }
}

/// What a connection computes, and its number of parameters.
fn operation(edited: &BltConfig, (pre, post): (usize, usize), link: Option<Link>) -> String {
    let pool = edited.pool.name();
    let kernel = match link {
        None => return "nothing can be put here".to_owned(),
        Some(Link::Conv { kernel, stride, is_pooled: true, .. }) => {
            format!("{pool} pooling, then a {kernel} × {kernel} convolution, stride {stride}")
        }
        Some(Link::Conv { kernel, .. }) => format!("{kernel} × {kernel} convolution"),
        Some(Link::Transposed { kernel, stride, .. }) => {
            format!("{kernel} × {kernel} transposed convolution, stride {stride}")
        }
        Some(Link::Bridge { .. }) => "max pooling, then an affine map of all positions".to_owned(),
        Some(Link::Broadcast) => "1 × 1 transposed convolution, added at every position".to_owned(),
    };
    let (Some(&from), Some(&to)) = (edited.widths.get(pre), edited.widths.get(post)) else { return kernel };
    let weight: usize = link.map_or(0, |link| link.weight_shape(from, to).iter().product());
    format!("{kernel}; {from} to {to} channels, {} parameters", count(weight + to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_set() {
        let base = BltConfig::named("blt_bl").unwrap();
        assert!(differences(&base, &base).is_empty());
        let connections = base.connections.with(1, 0, true).unwrap();
        let edited = BltConfig { connections, pool: Pooling::Blur, ..base.clone() };
        let keys: Vec<String> = differences(&base, &edited).into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["connections", "pool"]);
    }

    #[test]
    fn a_cell_says_what_it_computes() {
        let config = BltConfig::named("blt_bl").unwrap();
        let says = |pre: usize, post: usize| {
            operation(&config, (pre, post), Link::between(config.geometry, pre, post))
        };
        assert!(says(0, 2).starts_with("max pooling, then a 3 × 3"), "{}", says(0, 2));
        assert!(says(3, 1).contains("transposed"));
        assert!(says(4, 4).contains("512 to 512 channels"));
    }
}
