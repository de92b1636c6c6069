//! Recipes: what is run, as a value that the window, the command line and a TOML file share.

mod accuracy;
mod defaults;
mod departures;
pub mod evaluation;
mod execute;
pub mod extraction;
pub mod film;
mod first_look;
mod output;
mod pace;
mod presets;
mod run_recipe;
mod showing;
mod toml_file;
pub mod train;
mod upkeep;

pub use accuracy::{Accuracy, QuestionAccuracy, Scored, Share};
pub use defaults::{default_controls, default_stimulus, stimulus_at, stimulus_of_data};
pub use departures::departures;
pub use evaluation::{EvaluateRecipe, Evaluation, evaluate, evaluate_on};
pub use execute::{Execution, ReadoutStep, RunOutcome, execute, execute_on};
pub use extraction::{ExtractRecipe, Extraction, Pool, Steps, extract, extract_on};
pub use output::{results, write};
pub use pace::Pace;
pub use run_recipe::RunRecipe;
pub use toml_file::{read_toml, to_toml};
