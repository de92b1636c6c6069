//! Everything that can be asked of the window: the one vocabulary of buttons, menus, shortcuts and
//! tests. Panels push commands; only `Workbench::execute` applies them.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use egui::{Context, Key, KeyboardShortcut, Modifiers, ThemePreference};
use gainfield::connectivity;
use gainfield::dynamics::Intervention;
use gainfield::figure::Format;
use gainfield::ops::Numerics;
use gainfield::probe::ProbeRecipe;
use gainfield::recipe::{Pool, Steps};
use gainfield::settings::Overrides;
use gainfield::train::JobCommand;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dock::ViewKind;
use crate::document::UnitRef;
use crate::item::{ItemId, StimulusInfo};
use crate::jobs::JobId;
use crate::training::Style;

/// The layouts that ship.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    #[default]
    Step,
    Probe,
    Train,
}

impl Layout {
    pub const ALL: [Self; 3] = [Self::Step, Self::Probe, Self::Train];

    pub fn name(self) -> &'static str {
        match self {
            Self::Step => "Step",
            Self::Probe => "Probe",
            Self::Train => "Train",
        }
    }
}

/// How a figure leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// SVG, PNG, CSV and provenance together.
    All,
    Svg,
    Png,
    /// Numbers.
    Csv,
    /// LaTeX, of a graph.
    Tikz,
}

impl ExportFormat {
    /// The files that are written, besides the provenance.
    pub fn formats(self) -> &'static [Format] {
        match self {
            Self::All => &Format::ALL,
            Self::Svg => &[Format::Svg],
            Self::Png => &[Format::Png],
            Self::Csv => &[Format::Csv],
            Self::Tikz => &[],
        }
    }

    /// The files that are written of a graph, besides the provenance.
    pub fn graph_formats(self) -> &'static [connectivity::Format] {
        use connectivity::Format;
        match self {
            Self::All => &Format::ALL,
            Self::Svg => &[Format::Svg],
            Self::Png => &[Format::Png],
            Self::Csv => &[Format::Json, Format::Csv],
            Self::Tikz => &[Format::Tikz],
        }
    }
}

/// What an extraction keeps.
#[derive(Clone, Debug, PartialEq)]
pub struct Extracted {
    /// Stimuli; none is every different one.
    pub n: Option<usize>,
    /// By name; `all` is every area.
    pub areas: Vec<String>,
    pub steps: Steps,
    pub pool: Pool,
}

impl Default for Extracted {
    fn default() -> Self {
        Self { n: None, areas: vec!["all".to_owned()], steps: Steps::All, pool: Pool::Mean }
    }
}

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Asks for files and opens them.
    OpenFiles,
    /// Asks for folders and opens them.
    OpenFolders,
    /// Opens these: checkpoints, images, folders, IDX files, recipes.
    Open(Vec<PathBuf>),
    /// Opens a checkpoint again with other values for what it does not say.
    Reopen {
        item: ItemId,
        set: Vec<(String, String)>,
    },

    /// Opens a file with values for what it does not say.
    OpenWith {
        path: PathBuf,
        overrides: Overrides,
        /// The model whose place it takes.
        replace: Option<ItemId>,
    },
    /// Asks for what the file of a model does not say.
    AskMissing(ItemId),
    CloseQuestions,

    Undo,
    Redo,

    TogglePlay,
    /// Moves the playhead and stops.
    StepBy(isize),
    /// Puts the playhead at a timestep; beyond the end is the end.
    Seek(usize),
    ToStart,
    ToEnd,
    NextEvent,
    PreviousEvent,
    ToggleLoop,
    SetSpeed(f64),

    SetLayout(Layout),
    ResetLayout,
    ToggleTimeline,
    Maximise(ViewKind),
    RestoreViews,
    ZoomIn,
    ZoomOut,
    ZoomReset,
    SetTheme(ThemePreference),
    SetReducedMotion(bool),
    /// Bytes that one recording may take.
    SetRecordingBudget(u64),
    ShowKeys(bool),
    ShowLog(bool),
    ShowProvenance(Option<ItemId>),

    /// Makes a network like this one with another configuration, its new weights drawn from a seed.
    Build {
        like: ItemId,
        set: Vec<(String, Value)>,
        seed: u64,
    },
    /// Writes the weights of a network that was built here.
    SaveModel(ItemId),

    Select(ItemId),
    UseModel(ItemId),
    UseStimulus(ItemId),
    RenameSession(String),
    Rename(ItemId, String),
    Duplicate(ItemId),
    Delete(ItemId),

    SelectArea(String),
    /// Makes this unit the only pinned one.
    SelectUnit(UnitRef),
    /// Adds a unit to the pinned ones or takes it away.
    TogglePin(UnitRef),

    /// Runs the model in use on the stimulus in use.
    Run,
    /// Runs on for this many timesteps.
    Continue(usize),
    /// Copies the state at the playhead into a new recording that can be changed.
    Branch,
    /// Silences the selected units from the playhead on.
    Silence,
    AddIntervention(Intervention),
    EditIntervention {
        index: usize,
        to: Intervention,
    },
    RemoveIntervention(usize),
    SelectIntervention(Option<usize>),
    /// Changes a control of the shown run, from its first timestep on.
    SetControl {
        name: String,
        value: f64,
    },
    /// How long the shown run is; none is the published length.
    SetTimesteps(Option<usize>),
    /// How many timesteps the shown run has before onset; none is the published number.
    SetWarmUp(Option<usize>),
    /// How the convolutions of the shown run arrange their sums.
    SetNumerics(Numerics),
    /// Which areas the shown run records (none: all), and every how manieth timestep.
    SetRecordPlan {
        areas: Vec<String>,
        every: NonZeroUsize,
    },
    SetStimulus {
        item: ItemId,
        to: Box<StimulusInfo>,
    },

    /// Changes a setting of the next training run; its default takes it back.
    SetRecipe {
        key: String,
        value: Value,
    },
    /// Makes the next training run another one, at the settings of a first look.
    SetRecipeName(String),
    /// Gives the next training run the documented settings, or those of a first look.
    ResetRecipe {
        documented: bool,
    },
    /// Times a few updates of the next training run.
    TimeTraining,
    /// Starts a training run with the settings of the form.
    StartTraining,
    Training(ItemId, JobCommand),
    /// Takes up a run that has stopped, from its last checkpoint.
    GoOn(ItemId),
    /// Draws a run over the others of its kind, or no longer.
    Overlay(ItemId, bool),
    /// How training curves are drawn.
    SetCurves(Style),
    /// Shows the probes of a run over its updates.
    OpenFilm {
        run: ItemId,
        name: String,
    },
    /// Shows the probe of one update; none is the newest.
    ShowFrame {
        item: ItemId,
        update: Option<u64>,
    },
    /// Other stimuli in the samples of a run.
    OtherSamples(ItemId),
    /// Opens the newest snapshot of a run as a model.
    OpenSnapshot(ItemId),

    /// Probes again with other settings.
    SetProbe {
        item: ItemId,
        recipe: Box<ProbeRecipe>,
    },
    CancelProbe(ItemId),
    /// Adds a probe of the model in use.
    AddProbe(Box<ProbeRecipe>),
    /// Maps the receptive fields at the place of the selected unit.
    MapFields,
    /// Runs many stimuli through the model in use and measures gates and inhibition of return.
    MeasureInhibition,
    /// Compares the Counter-Hebb update of the model in use with the exact gradient.
    CompareUpdates,
    /// Probes the selected units.
    Probe,

    /// Counts right answers of the shown run's model over so many of its stimuli; none is all of them.
    Evaluate(Option<usize>),
    /// Writes activity of the shown run's model over many of its stimuli.
    Extract(Extracted),

    Export(ViewKind, ExportFormat),
    /// Exports all panels of the probe in one figure.
    ExportSummary,
    /// Puts on the clipboard the command that makes this view's figure without a window.
    CopyAsCommand(ViewKind),
    CopyText(String),

    CancelJob(JobId),
    DismissToast(usize),
}

/// What a command is called and how it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    pub label: &'static str,
    pub tooltip: &'static str,
    pub shortcut: Option<KeyboardShortcut>,
    /// Changes the document, and can be undone.
    pub undoable: bool,
}

const CTRL: Modifiers = Modifiers::COMMAND;
const NONE: Modifiers = Modifiers::NONE;

const fn plain(label: &'static str, tooltip: &'static str) -> Info {
    Info { label, tooltip, shortcut: None, undoable: false }
}

const fn keyed(label: &'static str, tooltip: &'static str, modifiers: Modifiers, key: Key) -> Info {
    Info { shortcut: Some(KeyboardShortcut::new(modifiers, key)), ..plain(label, tooltip) }
}

const fn edit(info: Info) -> Info {
    Info { undoable: true, ..info }
}

impl Command {
    pub fn info(&self) -> Info {
        match self {
            Self::OpenFiles => {
                keyed("Open…", "Checkpoints, images, folders, IDX files, recipes", CTRL, Key::O)
            }
            Self::OpenFolders => keyed(
                "Open folder…",
                "Training runs, and pictures in folders",
                Modifiers::COMMAND.plus(Modifiers::SHIFT),
                Key::O,
            ),
            Self::Open(_) => plain("Open", "Open these files"),
            Self::Reopen { .. } => plain("Open with these values", "Build the model again"),
            Self::OpenWith { .. } => plain("Open with these values", "Build the model"),
            Self::AskMissing(_) => plain("Answer…", "Give what neither the file nor the weights say"),
            Self::CloseQuestions => plain("Close", "Leave the questions"),
            Self::Undo => keyed("Undo", "Take back the last edit", CTRL, Key::Z),
            Self::Redo => keyed("Redo", "Do again what was undone", CTRL, Key::Y),
            Self::TogglePlay => keyed("Play or pause", "Play the recording", NONE, Key::Space),
            Self::StepBy(steps) if *steps >= 0 => {
                keyed("Step forward", "Shift: ten timesteps; Ctrl: next event", NONE, Key::ArrowRight)
            }
            Self::StepBy(_) => {
                keyed("Step back", "Shift: ten timesteps; Ctrl: previous event", NONE, Key::ArrowLeft)
            }
            Self::Seek(_) => plain("Go to timestep", "Put the playhead there"),
            Self::ToStart => keyed("To the start", "First timestep", NONE, Key::Home),
            Self::ToEnd => keyed("To the end", "Last timestep", NONE, Key::End),
            Self::NextEvent => {
                keyed("Next event", "Onset of a phase, cue or intervention", CTRL, Key::ArrowRight)
            }
            Self::PreviousEvent => {
                keyed("Previous event", "Onset of a phase, cue or intervention", CTRL, Key::ArrowLeft)
            }
            Self::ToggleLoop => plain("Loop", "Play a stretch again and again"),
            Self::SetSpeed(_) => plain("Speed", "Timesteps per second"),
            Self::SetLayout(_) => plain("Layout", "Arrange the views for one kind of work"),
            Self::ResetLayout => plain("Reset layout", "Arrange the views as they were shipped"),
            Self::ToggleTimeline => keyed("Collapse or expand the timeline", "", NONE, Key::T),
            Self::Maximise(_) => plain("Maximise view", "Esc brings the others back"),
            Self::RestoreViews => keyed("Close, or bring the views back", "", NONE, Key::Escape),
            Self::ZoomIn => keyed("Zoom in", "Everything larger", CTRL, Key::Plus),
            Self::ZoomOut => keyed("Zoom out", "Everything smaller", CTRL, Key::Minus),
            Self::ZoomReset => keyed("Zoom 100 %", "Sizes as designed", CTRL, Key::Num0),
            Self::SetTheme(_) => plain("Theme", "Dark, light, or as the system has it"),
            Self::SetReducedMotion(_) => plain("Reduce motion", "Nothing slides or fades"),
            Self::SetRecordingBudget(_) => plain("Recording budget", "What one recording may take"),
            Self::ShowKeys(_) => keyed("Keys", "The list of all keys", NONE, Key::F1),
            Self::ShowLog(_) => plain("Log", "All messages of this session"),
            Self::ShowProvenance(_) => {
                plain("Show provenance", "Where it comes from, and how to make it again")
            }
            Self::Build { .. } => plain("Build network", "A new model with weights drawn from the seed"),
            Self::SaveModel(_) => plain("Save weights…", "Write them as a checkpoint"),
            Self::Select(_) => plain("Select", "Show it in the inspector"),
            Self::UseModel(_) => edit(plain("Use model", "Run and probe this model")),
            Self::UseStimulus(_) => edit(plain("Use stimulus", "Show this to the model")),
            Self::RenameSession(_) => edit(plain("Rename session", "")),
            Self::Rename(..) => edit(plain("Rename", "")),
            Self::Duplicate(_) => edit(plain("Duplicate", "A second one to change")),
            Self::Delete(_) => edit(plain("Delete", "Remove it from the library; files stay")),
            Self::SelectArea(_) => plain("Show area", ""),
            Self::SelectUnit(_) => plain("Select unit", "Its trace, field and tuning"),
            Self::TogglePin(_) => plain("Pin unit", "Keep it beside the others"),
            Self::Run => edit(plain("Run", "Run the model on the stimulus")),
            Self::Continue(_) => edit(plain("Continue", "Run on from the end")),
            Self::Branch => edit(keyed(
                "Branch from here",
                "Copy the state at the playhead and run on with a change; both are kept",
                NONE,
                Key::B,
            )),
            Self::Silence => {
                edit(keyed("Silence", "Silence the selected units from the playhead on", NONE, Key::L))
            }
            Self::AddIntervention(_) => edit(plain("Add intervention", "")),
            Self::EditIntervention { .. } => edit(plain("Change intervention", "")),
            Self::RemoveIntervention(_) => edit(plain("Remove intervention", "")),
            Self::SelectIntervention(_) => plain("Select intervention", "Show it in the inspector"),
            Self::SetTimesteps(_) => edit(plain("Change length", "How many timesteps the run has")),
            Self::SetWarmUp(_) => edit(plain("Change spontaneous phase", "Timesteps before onset")),
            Self::SetNumerics(_) => edit(plain("Change numerics", "Run again, exactly or fast")),
            Self::SetRecordPlan { .. } => edit(plain("Change what is recorded", "Run again and keep this")),
            Self::SetStimulus { .. } => edit(plain("Change stimulus", "What is shown, and run again")),
            Self::SetControl { .. } => edit(plain("Change control", "Run again with this value")),
            Self::SetRecipe { .. } => edit(plain("Change setting", "Of the next training run")),
            Self::SetRecipeName(_) => edit(plain("Change training run", "What the next run trains on what")),
            Self::ResetRecipe { .. } => edit(plain(
                "Change length of the run",
                "Documented settings, or fewer updates for a first look",
            )),
            Self::TimeTraining => plain("Time it", "Makes a few updates and throws them away"),
            Self::StartTraining => plain("Start run", "Train with these settings while you work"),
            Self::Training(_, JobCommand::Pause) => plain("Pause", "Wait after this update"),
            Self::Training(_, JobCommand::Resume) => plain("Resume", "Go on where it waits"),
            Self::Training(_, JobCommand::Save) => plain("Save", "Write a checkpoint now"),
            Self::Training(_, JobCommand::Stop) => plain("Stop, keep best", "Stop after this update"),
            Self::GoOn(_) => plain("Resume run", "Go on from its last checkpoint, bit for bit"),
            Self::Overlay(..) => plain("Lay over", "Draw this run over the others of its kind"),
            Self::SetCurves(_) => plain("Change curves", "Smoothing, and seeds drawn together"),
            Self::OpenFilm { .. } => plain("Film of learning", "The probes of this run over its updates"),
            Self::ShowFrame { .. } => plain("Go to update", "The probe of this update"),
            Self::OtherSamples(_) => plain("Other stimuli", "Compose other samples"),
            Self::OpenSnapshot(_) => plain("Open snapshot in Step", "The network as it is now"),
            Self::SetProbe { .. } => edit(plain("Change probe", "Probe again with this setting")),
            Self::AddProbe(_) => edit(plain("Probe", "Measure tuning with these settings")),
            Self::MapFields => plain("Map receptive fields", "Where in the picture the unit responds"),
            Self::MeasureInhibition => {
                plain("Measure inhibition of return", "Gates and inhibition over 256 stimuli")
            }
            Self::CompareUpdates => {
                plain("Compare updates", "Counter-Hebb change and exact gradient of one batch")
            }
            Self::ExportSummary => keyed(
                "Export probe summary",
                "Tuning, scaling, maps of attention and population in one figure",
                Modifiers::SHIFT,
                Key::E,
            ),
            Self::Evaluate(_) => plain(
                "Evaluate…",
                "How often the network is right over such stimuli: per timestep, phase, class and condition",
            ),
            Self::Extract(_) => plain("Extract…", "Activity over such stimuli as a NumPy archive"),
            Self::CancelProbe(_) => plain("Cancel probe", "Stop probing; the last result stays"),
            Self::Probe => keyed("Probe", "Tuning of the selected units", NONE, Key::P),
            Self::Export(..) => keyed("Export", "Figure, numbers and provenance of this view", NONE, Key::E),
            Self::CopyAsCommand(_) => plain("Copy as command", "The line that makes this without a window"),
            Self::CopyText(_) => plain("Copy", "To the clipboard"),
            Self::CancelJob(_) => plain("Cancel", "Stop this job"),
            Self::DismissToast(_) => plain("Close message", "It stays in the log"),
        }
    }

    /// Key as written on key caps and in tooltips; empty if there is none.
    pub fn key_text(&self, ctx: &Context) -> String {
        self.info().shortcut.map_or_else(String::new, |shortcut| ctx.format_shortcut(&shortcut))
    }
}

/// The commands that keys reach, in the order of the list behind F1. `view` is the one under the
/// pointer or shown first, for export.
pub fn keyed_commands(view: ViewKind) -> Vec<Command> {
    vec![
        Command::TogglePlay,
        Command::StepBy(-1),
        Command::StepBy(1),
        Command::PreviousEvent,
        Command::NextEvent,
        Command::ToStart,
        Command::ToEnd,
        Command::Branch,
        Command::Silence,
        Command::Probe,
        Command::Export(view, ExportFormat::All),
        Command::ExportSummary,
        Command::ToggleTimeline,
        Command::Undo,
        Command::Redo,
        Command::OpenFiles,
        Command::OpenFolders,
        Command::ZoomIn,
        Command::ZoomOut,
        Command::ZoomReset,
        Command::RestoreViews,
        Command::ShowKeys(true),
    ]
}

/// Takes the shortcuts pressed in this frame out of the input.
///
/// While text is typed none counts; while a control has focus, keys that work the control do not.
pub fn pressed(ctx: &Context, view: ViewKind) -> Vec<Command> {
    if ctx.text_edit_focused() || ctx.any_popup_open() {
        return Vec::new();
    }
    let focused = ctx.memory(|memory| memory.focused().is_some());
    let mut commands = Vec::new();
    ctx.input_mut(|input| {
        let shifted = Modifiers::SHIFT;
        if !focused {
            for (key, steps) in [(Key::ArrowLeft, -10), (Key::ArrowRight, 10)] {
                if input.consume_key(shifted, key) {
                    commands.push(Command::StepBy(steps));
                }
            }
        }
        if input.consume_key(CTRL | shifted, Key::Z) {
            commands.push(Command::Redo);
        }
        if input.consume_key(CTRL, Key::Equals) {
            commands.push(Command::ZoomIn);
        }
        // Shortcuts with modifiers first, so that Ctrl+arrow is not taken for the arrow.
        let mut all = keyed_commands(view);
        all.sort_by_key(|command| {
            command.info().shortcut.is_none_or(|shortcut| shortcut.modifiers == Modifiers::NONE)
        });
        for command in all {
            let Some(shortcut) = command.info().shortcut else { continue };
            let works_controls = matches!(
                shortcut.logical_key,
                Key::Space | Key::ArrowLeft | Key::ArrowRight | Key::Home | Key::End | Key::Escape
            ) && shortcut.modifiers == Modifiers::NONE;
            if !(focused && works_controls) && input.consume_shortcut(&shortcut) {
                commands.push(command);
            }
        }
    });
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_commands_share_a_key() {
        let commands = keyed_commands(ViewKind::StimulusAttention);
        for (i, a) in commands.iter().enumerate() {
            let shortcut = a.info().shortcut;
            assert!(shortcut.is_some(), "{a:?} has no key");
            for b in &commands[i + 1..] {
                assert_ne!(shortcut, b.info().shortcut, "{a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn every_keyed_command_has_a_label() {
        for command in keyed_commands(ViewKind::AreaMaps) {
            assert!(!command.info().label.is_empty());
        }
    }
}
