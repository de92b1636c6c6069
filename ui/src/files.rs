//! The system's file dialogs, behind one function that tests replace.

use std::path::PathBuf;

use crossbeam_channel::{Receiver, bounded};

/// What is asked of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Files to open.
    Open,
    /// Folders to open.
    OpenFolders,
    /// A name to save under, without an ending.
    Save { name: String },
}

/// The answer arrives here; an empty list is "cancelled".
pub type Answer = Receiver<Vec<PathBuf>>;

/// Shows a dialog without blocking the window.
pub type Dialog = Box<dyn Fn(Ask) -> Answer + Send>;

/// The system's own dialog.
pub fn system_dialog() -> Dialog {
    Box::new(|ask| {
        let (sender, receiver) = bounded(1);
        let spawned = std::thread::Builder::new().name("file dialog".to_owned()).spawn(move || {
            let picked = match ask {
                Ask::Open => rfd::FileDialog::new()
                    .set_title("Open")
                    .add_filter("All that opens", &OPENED)
                    .add_filter("Checkpoints", &["pth", "pt", "tar", "ckpt", "safetensors"])
                    .add_filter("Pictures", &["png", "jpg", "jpeg"])
                    .add_filter("All files", &["*"])
                    .pick_files()
                    .unwrap_or_default(),
                Ask::OpenFolders => {
                    rfd::FileDialog::new().set_title("Open folder").pick_folders().unwrap_or_default()
                }
                Ask::Save { name } => rfd::FileDialog::new()
                    .set_title("Export as")
                    .set_file_name(name)
                    .save_file()
                    .into_iter()
                    .collect(),
            };
            // The window may be gone by the time somebody answers.
            let _ = sender.send(picked);
        });
        if let Err(err) = spawned {
            tracing::error!("cannot show a file dialog: {err}");
        }
        receiver
    })
}

/// Answers without asking: figures go into `folder` under the names offered.
pub fn folder_dialog(folder: PathBuf) -> Dialog {
    Box::new(move |ask| {
        let (sender, receiver) = bounded(1);
        let answer = match ask {
            Ask::Open | Ask::OpenFolders => Vec::new(),
            Ask::Save { name } => vec![folder.join(name)],
        };
        // The receiver is returned below, so it is there.
        let _ = sender.send(answer);
        receiver
    })
}

const OPENED: [&str; 11] =
    ["pth", "pt", "tar", "ckpt", "safetensors", "png", "jpg", "jpeg", "gz", "toml", "csv"];
