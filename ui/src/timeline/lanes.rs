//! Lanes of stimulus, task, areas and read-out.

use egui::{Align2, Color32, CornerRadius, Rect, Role, Sense, Shape, Stroke, TextureId, Ui, pos2, vec2};
use gainfield::dynamics::{Area, Pass, Segment, SegmentKind};
use gainfield::figure::number::significant;

use super::{Track, lane_header, lane_row, transport};
use crate::command::Command;
use crate::derived::LanePoint;
use crate::liveness::Sleep;
use crate::store::{RunData, RunState};
use crate::texture;
use crate::theme::{Text, radius, tokens};
use crate::view::{Out, View};
use crate::widgets::{self, Ring, focus_ring, hatch};

/// Height of the lane of the read-out.
pub(super) const READOUT: f32 = 24.0;
const UNIT: Rect = Rect { min: pos2(0.0, 0.0), max: pos2(1.0, 1.0) };

/// Frames as thumbnails where a step is wide enough, else stretches with one thumbnail.
pub(super) fn stimulus(ui: &mut Ui, view: &View<'_>, run: &RunData, track: &Track, height: f32) {
    let side = height - 6.0;
    let t = tokens(ui);
    let (row, lane) = lane_row(ui, track, height);
    let [_, rows, columns] = run.shown.shape;
    lane_header(ui, row, t.roles.stimulus, "Stimulus", &format!("{rows} × {columns}"));
    let name = view
        .document
        .current_recording()
        .and_then(|recording| view.document.get(recording.stimulus))
        .map_or("", |item| item.name.as_str());
    let painter = ui.painter_at(lane);
    let mut from = 0;
    while from < run.shown.of.len().min(track.n) {
        let image = run.shown.of[from];
        let mut to = from + 1;
        while to < run.shown.of.len() && run.shown.of[to] == image {
            to += 1;
        }
        let texture = texture::image(ui.ctx(), &run.shown.images[image]);
        if run.shown.is_blank(image) {
            let at = pos2(track.edge(from) + 10.0, lane.center().y);
            let room = track.edge(to) - track.edge(from) - 14.0;
            if room > 40.0 {
                let text = widgets::truncated(ui, "nothing shown", Text::Caption, room);
                painter.text(at, Align2::LEFT_CENTER, text, Text::Caption.font(), t.text3);
            }
        } else if track.step() >= 44.0 {
            for step in from..to {
                thumbnail(&painter, texture, run, pos2(track.x(step), lane.center().y), side);
            }
        } else {
            let span = Rect::from_min_max(
                pos2(track.edge(from), lane.top() + 4.0),
                pos2(track.edge(to) - 1.0, lane.bottom() - 4.0),
            );
            painter.rect_filled(
                span,
                CornerRadius::same(radius::SPAN),
                t.roles.stimulus.gamma_multiply(0.12),
            );
            let edge = Rect::from_min_size(span.min, vec2(3.0, span.height()));
            painter.rect_filled(edge, 0, t.roles.stimulus);
            if span.width() >= 44.0 {
                thumbnail(&painter, texture, run, pos2(span.left() + 24.0, lane.center().y), side - 10.0);
            }
            if span.width() >= 120.0 {
                let at = pos2(span.left() + 48.0, lane.center().y);
                let text = widgets::truncated(ui, name, Text::Caption, span.width() - 56.0);
                painter.text(at, Align2::LEFT_CENTER, text, Text::Caption.font(), t.text);
            }
        }
        from = to;
    }
    let response = ui.interact(lane, ui.scope_id().with("stimulus lane"), Sense::hover());
    widgets::name(&response, Role::Image, &format!("Stimulus: {name}"));
}

fn thumbnail(painter: &egui::Painter, texture: TextureId, run: &RunData, center: egui::Pos2, side: f32) {
    let [_, height, width] = run.shown.shape;
    let longest = height.max(width).max(1) as f32;
    let size = vec2(width as f32, height as f32) * (side / longest);
    painter.image(texture, Rect::from_center_size(center, size), UNIT, Color32::WHITE);
}

/// Phases, cues and scored stretches, named by what and where.
pub(super) fn task(ui: &mut Ui, view: &View<'_>, run: &RunData, track: &Track, out: &mut Out<'_>) {
    let t = tokens(ui);
    let segments: Vec<&Segment> =
        run.recording.segments.iter().filter(|segment| segment.kind != SegmentKind::Scored).collect();
    let mut scored: Vec<&Segment> =
        run.recording.segments.iter().filter(|segment| segment.kind == SegmentKind::Scored).collect();
    // Stimulus and network may both say what is scored.
    scored.sort_by_key(|segment| (segment.from, segment.to));
    scored.dedup_by_key(|segment| (segment.from, segment.to));
    // Alone in the collapsed form it is as high as it can be hit easily.
    let collapsed = view.settings.is_timeline_collapsed();
    let (row_height, span_height) = if collapsed { (27.0, 24.0) } else { (20.0, 14.0) };
    let (row, lane) = lane_row(ui, track, row_height);
    let has_cue = segments.iter().any(|segment| segment.kind == SegmentKind::Cue);
    let phases = !has_cue && segments.len() > 1;
    let note = if phases { format!("{} phases", segments.len()) } else { task_name(view) };
    lane_header(ui, row, t.roles.stimulus, if phases { "Phase" } else { "Task" }, &note);
    for (i, segment) in segments.iter().enumerate() {
        let all_scored = scored.iter().any(|s| s.from <= segment.from && s.to >= segment.to);
        let mut text = match segment.kind {
            SegmentKind::Cue => cue_text(run, segment),
            _ => segment.name.clone(),
        };
        if all_scored {
            text += ", scored";
        } else if segment.kind == SegmentKind::Phase
            && let Some(class) = class_at(run, segment.to.saturating_sub(1))
        {
            text += &format!(": reads {class}");
        }
        let rect = segment_rect(lane, track, segment, span_height);
        let role = match segment.kind {
            SegmentKind::Cue => Some(t.roles.stimulus),
            // Objects attended in turn; other phases attend nothing.
            SegmentKind::Phase if segment.name == "phase 1" => Some(t.roles.attended),
            SegmentKind::Phase if segment.name == "phase 2" => Some(t.roles.unattended),
            SegmentKind::Stimulus if phases => Some(t.roles.stimulus),
            SegmentKind::Phase | SegmentKind::Stimulus | SegmentKind::Blank => None,
            SegmentKind::Scored | SegmentKind::ReadOut => None,
        };
        segment_span(ui, rect, role, &text);
        let response = ui.interact(rect, ui.scope_id().with(("segment", i)), Sense::hover());
        widgets::name(&response, Role::Label, &text);
        if response.hovered() {
            out.say(stretch_words(run, &text, segment.from, segment.to));
        }
    }
    for segment in scored {
        let covered = segments.iter().any(|s| segment.from <= s.from && segment.to >= s.to);
        if segment.to == segment.from + 1 {
            diamond(ui, pos2(track.x(segment.from), lane.center().y), t.text);
        } else if !covered {
            let rect = segment_rect(lane, track, segment, span_height);
            let text = match segment.name.as_str() {
                "scored" => "scored".to_owned(),
                name => format!("{name}, scored"),
            };
            segment_span(ui, rect, Some(t.roles.stimulus), &text);
        }
    }
}

/// What is asked of the model, in the stimulus's own word.
fn task_name(view: &View<'_>) -> String {
    let recording = view.document.current_recording();
    let stimulus = recording.and_then(|recording| view.document.stimulus_info(recording.stimulus));
    stimulus.map_or_else(String::new, |stimulus| stimulus.spec.name().replace('_', " "))
}

/// A cue by what it is and where: "cue: dot, top left".
fn cue_text(run: &RunData, segment: &Segment) -> String {
    let place = run.shown.cue.get(segment.from).copied().flatten().map(|[row, col]| {
        let part = |at: f32, words: [&'static str; 3]| match at {
            ..0.44 => words[0],
            0.56.. => words[2],
            _ => words[1],
        };
        match (part(row, ["top", "", "bottom"]), part(col, ["left", "", "right"])) {
            ("", "") => "centre".to_owned(),
            (only, "") | ("", only) => only.to_owned(),
            (vertical, horizontal) => format!("{vertical} {horizontal}"),
        }
    });
    match place {
        Some(place) => format!("cue: {}, {place}", segment.name),
        None => format!("cue: {}", segment.name),
    }
}

/// The winning class at timestep `t`, where one is reported.
fn class_at(run: &RunData, t: usize) -> Option<&str> {
    let span = run.derived.readout.iter().find(|span| (span.from..span.to).contains(&t))?;
    run.recording.classes.get(span.class).map(String::as_str)
}

fn segment_rect(lane: Rect, track: &Track, segment: &Segment, height: f32) -> Rect {
    Rect::from_min_max(
        pos2(track.edge(segment.from) + 0.5, lane.center().y - height / 2.0),
        pos2(track.edge(segment.to.min(track.n)) - 1.5, lane.center().y + height / 2.0),
    )
}

fn segment_span(ui: &Ui, rect: Rect, role: Option<Color32>, text: &str) {
    let t = tokens(ui);
    let fill = role.map_or(t.span, |role| role.gamma_multiply(0.21));
    ui.painter().rect_filled(rect, CornerRadius::same(radius::SPAN), fill);
    if let Some(role) = role {
        let edge = Rect::from_min_size(rect.min, vec2(3.0, rect.height()));
        ui.painter().rect_filled(edge, 0, role);
    }
    let room = rect.width() - 14.0;
    if room > 12.0 {
        let shown = widgets::truncated(ui, text, Text::Caption, room);
        // An ellipsis alone tells nothing.
        let shown = if shown == "…" { String::new() } else { shown };
        let at = pos2(rect.left() + 10.0, rect.center().y);
        let color = if role.is_some() { t.text } else { t.text2 };
        ui.painter().text(at, Align2::LEFT_CENTER, shown, Text::Caption.font(), color);
    }
}

/// The mark of where something is read.
fn diamond(ui: &Ui, center: egui::Pos2, color: Color32) {
    let points = vec![
        center + vec2(0.0, -4.0),
        center + vec2(4.0, 0.0),
        center + vec2(0.0, 4.0),
        center + vec2(-4.0, 0.0),
    ];
    ui.painter().add(Shape::convex_polygon(points, color, Stroke::NONE));
}

/// An area with a lane: its place in the recording, or the name of one that was not recorded.
pub(super) enum LaneOf {
    Recorded(usize),
    Missing(String),
}

/// A lane for every area of the model, gain maps after the activities.
pub(super) fn shown_areas(view: &View<'_>, run: &RunData) -> Vec<LaneOf> {
    let recording = &run.recording;
    let model = view.document.current_recording().and_then(|info| view.document.model_info(info.model));
    let Some(model) = model else {
        return (0..recording.areas.len()).map(LaneOf::Recorded).collect();
    };
    let lane = |area: &Area| {
        recording.area(&area.name).map_or_else(|| LaneOf::Missing(area.name.clone()), LaneOf::Recorded)
    };
    model.areas.iter().map(lane).collect()
}

/// The lane of an area that was not recorded.
pub(super) fn missing(ui: &mut Ui, track: &Track, name: &str, height: f32) {
    let t = tokens(ui);
    let (row, lane) = lane_row(ui, track, height);
    lane_header(ui, row, t.disabled, name, "not recorded");
    hatch(ui.painter(), lane.shrink2(vec2(0.0, 3.0)), t.hatch.gamma_multiply(0.5));
    let response = ui.interact(row, ui.scope_id().with(("missing", name)), Sense::hover());
    widgets::name(&response, Role::Row, &format!("Lane {name}, not recorded"));
}

/// Population mean with its quartile band, and the baseline as a ghost.
pub(super) fn area(
    ui: &mut Ui,
    view: &View<'_>,
    run: &RunData,
    area: usize,
    track: &Track,
    height: f32,
    out: &mut Out<'_>,
) {
    let t = tokens(ui);
    let (row, lane) = lane_row(ui, track, height);
    let info = &run.recording.areas[area];
    let selected = view.document.area.as_deref() == Some(info.name.as_str());
    if selected {
        ui.painter().rect_filled(row, 0, t.sel);
    }
    let header = row.with_max_x(track.left - 4.0);
    let response = ui.interact(header, ui.scope_id().with(("lane", area)), Sense::click());
    if response.hovered() && !selected {
        ui.painter().rect_filled(header, 0, t.hover);
    }
    let units = format!("{} units", gainfield::figure::number::count(info.n_units()));
    lane_header(ui, row, t.roles.recorded, &info.name, &units);
    widgets::name_selected(&response, Role::Row, selected, &format!("Lane {}", info.name));
    focus_ring(ui, &response, header, 0, Ring::Inside);
    let curve = &run.derived.lanes[area];
    let sleep = Sleep::of(view, &info.name);
    let wakes = sleep.as_ref().map_or(0, |sleep| sleep.len(run.recording.n_timesteps));
    let response = response.on_hover_text(format!(
        "Mean over units, drawn from {} to {}; the band of quartiles is cut there",
        significant(f64::from(curve.range[0]), 3),
        significant(f64::from(curve.range[1]), 3)
    ));
    if response.clicked() {
        out.push(Command::SelectArea(info.name.clone()));
    }
    let painter = ui.painter_at(lane);
    let pad = lane.shrink2(vec2(0.0, 3.0));
    let baseline = view.baseline();
    let awake = &curve.points[curve.points.partition_point(|point| point.t < wakes)..];
    // What an area does not hold yet does not count.
    let own = if wakes > 0 { means(awake) } else { curve.range };
    let range = match baseline.and_then(|(ghost, _)| ghost.derived.lanes.get(area)) {
        Some(ghost) if wakes == 0 => [own[0].min(ghost.range[0]), own[1].max(ghost.range[1])],
        Some(ghost) => {
            let ghost = means(&ghost.points[ghost.points.partition_point(|point| point.t < wakes)..]);
            [own[0].min(ghost[0]), own[1].max(ghost[1])]
        }
        None => own,
    };
    if let Some((ghost, at)) = baseline
        && let Some(lane) = ghost.derived.lanes.get(area)
    {
        let from = lane.points.partition_point(|point| point.t < at.saturating_sub(1));
        let points: Vec<_> =
            lane.points[from..].iter().map(|p| pos2(track.x(p.t), level(pad, range, p.mean))).collect();
        let color = if selected { t.text2 } else { t.roles.neutral };
        painter.extend(Shape::dashed_line(&points, Stroke::new(1.2, color), 2.0, 3.0));
    }
    band(&painter, pad, range, awake, track, t.roles.recorded.gamma_multiply(0.22));
    let line: Vec<_> = awake.iter().map(|p| pos2(track.x(p.t), level(pad, range, p.mean))).collect();
    painter.add(Shape::line(line, Stroke::new(1.5, t.roles.recorded)));
    if let Some(sleep) = sleep.filter(|_| wakes > 0) {
        asleep(ui, lane.with_max_x(track.edge(wakes)), area, &sleep, out);
    }
    if run.state == RunState::Running {
        let from = curve.points.last().map_or(0, |p| p.t + 1);
        hatch(&painter, lane.with_min_x(track.edge(from)), t.hatch.gamma_multiply(0.5));
    }
    let cursor = view.clock.cursor();
    if let Some(point) = awake.iter().find(|p| p.t == cursor) {
        let at = pos2(track.x(cursor), level(pad, range, point.mean));
        painter.circle_filled(at, 2.5, t.roles.recorded);
    }
    let pointer = ui.input(|i| i.pointer.hover_pos()).filter(|p| lane.contains(*p));
    if let Some(pointer) = pointer {
        let step = track.step_at(pointer.x);
        if let Some(point) = awake.iter().find(|p| p.t == step) {
            out.say(format!(
                "{}  mean {}  quartiles {} to {}  {}",
                info.name,
                significant(f64::from(point.mean), 3),
                significant(f64::from(point.lower_quartile), 3),
                significant(f64::from(point.upper_quartile), 3),
                transport::time_words(run, step)
            ));
        }
    }
}

/// Lowest and highest mean.
fn means(points: &[LanePoint]) -> [f32; 2] {
    let ends = points.iter().fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], point| {
        [low.min(point.mean), high.max(point.mean)]
    });
    if ends[0] <= ends[1] { ends } else { [0.0, 0.0] }
}

fn level(lane: Rect, [low, high]: [f32; 2], value: f32) -> f32 {
    let at = if high > low { (value - low) / (high - low) } else { 0.0 };
    egui::lerp(lane.bottom()..=lane.top(), at.clamp(0.0, 1.0))
}

/// The time before an area holds anything: grey, and why on hover.
fn asleep(ui: &Ui, span: Rect, area: usize, sleep: &Sleep, out: &mut Out<'_>) {
    let t = tokens(ui);
    hatch(&ui.painter_at(span), span.shrink2(vec2(0.0, 3.0)), t.hatch.gamma_multiply(0.5));
    let response = ui.interact(span, ui.scope_id().with(("asleep", area)), Sense::hover());
    widgets::name(&response, Role::Label, &sleep.words);
    if response.hovered() {
        out.say(sleep.words.clone());
    }
    response.on_hover_text(&sleep.words);
}

fn band(
    painter: &egui::Painter,
    lane: Rect,
    range: [f32; 2],
    points: &[LanePoint],
    track: &Track,
    color: Color32,
) {
    let mut mesh = egui::Mesh::default();
    for point in points {
        let x = track.x(point.t);
        mesh.colored_vertex(pos2(x, level(lane, range, point.upper_quartile)), color);
        mesh.colored_vertex(pos2(x, level(lane, range, point.lower_quartile)), color);
    }
    for i in 1..points.len() as u32 {
        mesh.add_triangle(2 * i - 2, 2 * i - 1, 2 * i);
        mesh.add_triangle(2 * i - 1, 2 * i, 2 * i + 1);
    }
    painter.add(Shape::mesh(mesh));
}

/// The winning class as spans.
pub(super) fn readout(ui: &mut Ui, view: &View<'_>, run: &RunData, track: &Track, out: &mut Out<'_>) {
    let t = tokens(ui);
    let (row, lane) = lane_row(ui, track, READOUT);
    lane_header(ui, row, t.text2, "Readout", "top class");
    if let Some(sleep) = Sleep::of_readout(view) {
        let wakes = sleep.len(run.recording.n_timesteps);
        asleep(ui, lane.with_max_x(track.edge(wakes)), usize::MAX, &sleep, out);
    }
    for (i, span) in run.derived.readout.iter().enumerate() {
        let rect = Rect::from_min_max(
            pos2(track.edge(span.from) + 0.5, lane.center().y - 8.0),
            pos2(track.edge(span.to) - 1.5, lane.center().y + 8.0),
        );
        let sure = span.probability > 0.5;
        let fill = if sure { t.span_strong } else { t.span };
        ui.painter().rect_filled(rect, CornerRadius::same(radius::SPAN), fill);
        let class = run.recording.classes.get(span.class).map_or("?", String::as_str);
        let is_read_out = run.recording.at(span.from).is_some_and(|step| step.pass == Pass::ReadOut);
        let probability = gainfield::figure::number::fixed(f64::from(span.probability), 2);
        if sure && rect.width() > 14.0 {
            readout_text(ui, rect, class, &format!("prob {probability}"));
        }
        let response = ui.interact(rect, ui.scope_id().with(("readout", i)), Sense::hover());
        let what = if is_read_out { "read-out pass" } else { "mean over the span" };
        let label = format!("Readout {class}, prob {probability} ({what})");
        widgets::name(&response, Role::Label, &label);
        if response.hovered() {
            out.say(stretch_words(run, &label, span.from, span.to));
        }
    }
}

fn readout_text(ui: &Ui, rect: Rect, class: &str, probability: &str) {
    let t = tokens(ui);
    let room = rect.width() - 12.0;
    let class = widgets::truncated(ui, class, Text::SmallStrong, room);
    let at = pos2(rect.left() + 6.0, rect.center().y);
    let drawn = ui.painter().text(at, Align2::LEFT_CENTER, class, Text::SmallStrong.font(), t.text);
    let galley = ui.painter().layout_no_wrap(probability.to_owned(), Text::Caption.font(), t.text2);
    if drawn.right() + 6.0 + galley.size().x <= rect.right() - 4.0 {
        let at = pos2(drawn.right() + 6.0, rect.center().y - galley.size().y / 2.0);
        ui.painter().galley(at, galley, t.text2);
    }
}

/// "cue: digit 3, sweep 1 to sweep 3".
fn stretch_words(run: &RunData, what: &str, from: usize, to: usize) -> String {
    let last = to.saturating_sub(1);
    if last <= from {
        return format!("{what}, {}", transport::time_words(run, from));
    }
    format!("{what}, {} to {}", transport::time_words(run, from), transport::time_words(run, last))
}

/// The one lane of the two-line form: phases where there are any, else the read-out.
pub(super) fn chosen(ui: &mut Ui, view: &View<'_>, run: &RunData, track: &Track, out: &mut Out<'_>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    let phased = run.recording.segments.iter().any(|segment| segment.kind != SegmentKind::Scored);
    ui.add_space(3.0);
    if phased {
        task(ui, view, run, track, out);
    } else {
        readout(ui, view, run, track, out);
    }
}
