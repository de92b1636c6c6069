//! Devices: what the user may choose, what this build and machine offer.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;

use crate::error::{Error, Result};

/// Where tensors are computed: `auto`, `cpu`, `cuda:0`, `metal:0`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeviceChoice {
    /// The first GPU that this build supports and the machine has, else the CPU.
    #[default]
    Auto,
    Cpu,
    /// The CUDA GPU of this index.
    Cuda(usize),
    /// The Apple GPU of this index.
    Metal(usize),
}

/// Whether a device can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    Available,
    /// This build lacks the cargo feature named.
    NotCompiled(&'static str),
    /// The build could, but the machine does not: why.
    NoDevice(String),
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if this build or machine does not have it.
    pub fn resolve(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto => {
                let gpus = [Self::Cuda(0), Self::Metal(0)].into_iter();
                let device = gpus.filter(|gpu| gpu.is_compiled()).find_map(|gpu| gpu.open().ok());
                Ok(device.unwrap_or(Device::Cpu))
            }
            gpu if !gpu.is_compiled() => Err(Error::Unsupported(format!(
                "device {gpu} needs a build with --features {}; this build offers {}",
                gpu.feature(),
                offered()
            ))),
            gpu => gpu.open().map_err(|err| {
                Error::Unsupported(format!(
                    "device {gpu} cannot be opened ({err}); available here: {}",
                    offered()
                ))
            }),
        }
    }

    fn feature(self) -> &'static str {
        if matches!(self, Self::Metal(_)) { "metal" } else { "cuda" }
    }

    fn is_compiled(self) -> bool {
        match self {
            Self::Auto | Self::Cpu => true,
            Self::Cuda(_) => cfg!(feature = "cuda"),
            Self::Metal(_) => cfg!(feature = "metal"),
        }
    }

    fn open(self) -> candle_core::Result<Device> {
        match self {
            Self::Auto | Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(index) => Device::new_cuda(index),
            Self::Metal(index) => Device::new_metal(index),
        }
    }

    fn availability(self) -> Availability {
        if !self.is_compiled() {
            return Availability::NotCompiled(self.feature());
        }
        match self.open() {
            Ok(_) => Availability::Available,
            Err(err) => Availability::NoDevice(err.to_string()),
        }
    }
}

/// The devices there could be (the CPU, and the GPUs of each kind), with whether they can be used.
pub fn available() -> Vec<(DeviceChoice, Availability)> {
    let mut devices = vec![(DeviceChoice::Cpu, Availability::Available)];
    for kind in [DeviceChoice::Cuda as fn(usize) -> DeviceChoice, DeviceChoice::Metal] {
        let first = kind(0).availability();
        let is_available = first == Availability::Available;
        devices.push((kind(0), first));
        if is_available {
            let more = (1..16).map(kind).map(|gpu| (gpu, gpu.availability()));
            devices.extend(more.take_while(|(_, availability)| *availability == Availability::Available));
        }
    }
    devices
}

fn offered() -> String {
    let usable = available().into_iter().filter(|(_, availability)| *availability == Availability::Available);
    usable.map(|(device, _)| device.to_string()).collect::<Vec<_>>().join(", ")
}

/// Name of an opened device, as [`DeviceChoice`] writes it.
pub fn name(device: &Device) -> String {
    match device.location() {
        candle_core::DeviceLocation::Cpu => "cpu".to_owned(),
        candle_core::DeviceLocation::Cuda { gpu_id } => DeviceChoice::Cuda(gpu_id).to_string(),
        candle_core::DeviceLocation::Metal { gpu_id } => DeviceChoice::Metal(gpu_id).to_string(),
    }
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let lower = text.trim().to_ascii_lowercase();
        let (kind, index) = lower.split_once(':').unwrap_or((lower.as_str(), "0"));
        let index = index.parse();
        match (kind, index) {
            ("auto", Ok(0)) => Ok(Self::Auto),
            ("cpu", Ok(0)) => Ok(Self::Cpu),
            ("cuda", Ok(index)) => Ok(Self::Cuda(index)),
            ("metal", Ok(index)) => Ok(Self::Metal(index)),
            _ => Err(Error::config("device", "auto, cpu, cuda:0, cuda:1 … or metal", text)),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Metal(index) => write!(f, "metal:{index}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_devices_read_back() {
        for text in ["auto", "cpu", "cuda:0", "cuda:3", "metal:0"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        assert_eq!("CUDA".parse::<DeviceChoice>().unwrap(), DeviceChoice::Cuda(0));
        for text in ["", "gpu", "cuda:", "cuda:-1", "cpu:1"] {
            let message = text.parse::<DeviceChoice>().unwrap_err().to_string();
            assert!(message.starts_with("device must be auto, cpu"), "{message}");
        }
    }

    #[test]
    fn the_cpu_is_always_there() {
        assert_eq!(available()[0], (DeviceChoice::Cpu, Availability::Available));
        assert_eq!(name(&DeviceChoice::Cpu.resolve().unwrap()), "cpu");
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_that_is_not_compiled_in_says_how_to_get_it() {
        let message = DeviceChoice::Cuda(0).resolve().unwrap_err().to_string();
        assert!(message.contains("--features cuda") && message.contains("cpu"), "{message}");
    }

    #[cfg(not(any(feature = "cuda", feature = "metal")))]
    #[test]
    fn auto_is_the_cpu_where_nothing_else_is_compiled_in() {
        assert!(DeviceChoice::Auto.resolve().unwrap().is_cpu());
    }
}
