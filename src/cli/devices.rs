//! `gainfield devices`: what this build and machine offer.

use clap::Args;
use gainfield::device::{Availability, available};
use gainfield::ops::{instruction_set, instruction_sets};
use serde_json::json;

use super::{Common, Ending, Outcome, print};

#[derive(Debug, Args)]
pub struct Devices {}

impl Devices {
    pub fn execute(&self, common: &Common) -> Outcome {
        let mut listed = Vec::new();
        for (device, availability) in available() {
            let reason = match availability {
                Availability::Available => None,
                Availability::NotCompiled(feature) => {
                    Some(format!("needs a build with --features {feature}"))
                }
                Availability::NoDevice(why) => Some(why),
            };
            if common.json {
                let is_available = reason.is_none();
                listed
                    .push(json!({"device": device.to_string(), "available": is_available, "reason": reason}));
            } else {
                print::line(format_args!("{device:<8} {}", reason.as_deref().unwrap_or("available")))?;
            }
        }
        if common.json {
            print::json(&listed)?;
        } else {
            let (taken, all) = (instruction_set(), instruction_sets().join(", "));
            print::line(format_args!(
                "kernels on the CPU use {taken}; GAINFIELD_SIMD asks for one of: {all}"
            ))?;
        }
        Ok(Ending::Done)
    }
}
