//! All reference outputs of CordsNet among the shared material, full-size networks included.

use crate::goldens::{met_and_corruptions_noticed, shared};

#[test]
fn cordsnet_goldens_are_met_and_corruptions_noticed() {
    if let Some(folder) = shared("cordsnet") {
        met_and_corruptions_noticed(&folder);
    }
}
