//! Opens the window.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use gainfield_ui::app::Workbench;
use gainfield_ui::command::{Command, Layout};
use gainfield_ui::files::folder_dialog;

/// Keeps the memory of tensors that are gone for those that come.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A workbench for recurrent and attentional models of vision.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Checkpoints, images, folders, IDX files or recipes to open.
    paths: Vec<PathBuf>,
    /// Write exported figures into this folder without asking for a name.
    #[arg(long, value_name = "FOLDER")]
    export_to: Option<PathBuf>,
    /// Colours of the window; what was chosen last if absent.
    #[arg(long, value_enum)]
    theme: Option<Theme>,
    /// Arrangement of the views; what was chosen last if absent.
    #[arg(long, value_enum)]
    layout: Option<Arrangement>,
    /// Timesteps of new runs; the published length of the model or stimulus if absent.
    #[arg(long, value_name = "N")]
    steps: Option<NonZeroUsize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Theme {
    System,
    Dark,
    Light,
}

#[derive(Clone, Copy, ValueEnum)]
enum Arrangement {
    Step,
    Probe,
    Train,
}

impl Options {
    /// What the options ask of a window that has just been made.
    fn apply(&self, workbench: &mut Workbench) {
        if let Some(folder) = &self.export_to {
            workbench.set_dialog(folder_dialog(folder.clone()));
        }
        workbench.set_steps(self.steps.map(NonZeroUsize::get));
        if let Some(theme) = self.theme {
            workbench.send(Command::SetTheme(match theme {
                Theme::System => egui::ThemePreference::System,
                Theme::Dark => egui::ThemePreference::Dark,
                Theme::Light => egui::ThemePreference::Light,
            }));
        }
        if let Some(layout) = self.layout {
            workbench.send(Command::SetLayout(match layout {
                Arrangement::Step => Layout::Step,
                Arrangement::Probe => Layout::Probe,
                Arrangement::Train => Layout::Train,
            }));
        }
        let bundled = || vec![PathBuf::from(gainfield::pretrained::NAME)];
        workbench.send(Command::Open(if self.paths.is_empty() { bundled() } else { self.paths.clone() }));
    }
}

#[expect(unsafe_code, reason = "settles the tensor library's threads before there are any")]
fn main() -> ExitCode {
    // SAFETY: nothing has started a thread yet.
    unsafe { gainfield::ops::without_library_threads() };
    let options = Options::parse();
    tracing_subscriber::fmt().with_env_filter(filter()).with_writer(std::io::stderr).init();
    let native = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Gainfield")
            .with_app_id("gainfield")
            .with_inner_size([1440.0, 900.0])
            .with_min_inner_size([640.0, 400.0])
            .with_drag_and_drop(true),
        dithering: false,
        ..eframe::NativeOptions::default()
    };
    let opened = eframe::run_native(
        "gainfield",
        native,
        Box::new(move |creation| {
            let mut workbench = Workbench::new(creation);
            options.apply(&mut workbench);
            Ok(Box::new(workbench))
        }),
    );
    match opened {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => demonstrate(&err.to_string()),
    }
}

/// What happens where no display can be opened: the demonstration of the window, into files.
fn demonstrate(why: &str) -> ExitCode {
    let folder = PathBuf::from("gainfield-demonstration");
    eprintln!(
        "No window could be opened ({why}), so the demonstration runs without one and writes to {}.",
        folder.display()
    );
    match gainfield_ui::demonstration::run(&folder) {
        Ok(files) => {
            for file in files {
                println!("{}", file.display());
            }
            ExitCode::SUCCESS
        }
        Err(err) => {
            eprintln!("gainfield-ui: {err}");
            ExitCode::FAILURE
        }
    }
}

fn filter() -> tracing_subscriber::EnvFilter {
    tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"))
}
