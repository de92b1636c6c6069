//! Reading stored tensors, and the comparison they are held to.

use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};

/// A file below `../shared`, or nothing (with a message) on a bare clone.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    if !root.exists() {
        println!("skipped: ../shared is absent");
        return None;
    }
    Some(root.join(path))
}

/// A safetensors file in memory.
pub struct Golden(Vec<u8>);

impl Golden {
    pub fn read(path: &Path) -> Self {
        Self(std::fs::read(path).unwrap_or_else(|err| panic!("{}: {err}", path.display())))
    }

    fn view<'a>(&'a self, name: &str) -> (Dtype, Vec<usize>, &'a [u8]) {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor(name).unwrap_or_else(|err| panic!("{name}: {err}"));
        (view.dtype(), view.shape().to_vec(), view.data())
    }

    pub fn has(&self, name: &str) -> bool {
        SafeTensors::deserialize(&self.0).unwrap().tensor(name).is_ok()
    }

    pub fn f32(&self, name: &str) -> Vec<f32> {
        let (dtype, _, data) = self.view(name);
        match dtype {
            Dtype::F32 => data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            Dtype::U8 => data.iter().map(|&byte| f32::from(byte)).collect(),
            other => panic!("{name} is {other:?}"),
        }
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        let (dtype, _, data) = self.view(name);
        assert_eq!(dtype, Dtype::U8, "{name}");
        data.to_vec()
    }

    pub fn integers(&self, name: &str) -> Vec<i64> {
        let (dtype, _, data) = self.view(name);
        assert_eq!(dtype, Dtype::I64, "{name}");
        data.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect()
    }

    pub fn indices(&self, name: &str) -> Vec<usize> {
        self.integers(name).into_iter().map(|value| usize::try_from(value).unwrap()).collect()
    }
}

/// At least the share `min` of all entries lies within `abs`; one message with the worst.
pub fn assert_close(what: &str, found: &[f32], wanted: &[f32], abs: f32, min: f64) {
    assert_eq!(found.len(), wanted.len(), "{what}: number of values");
    let deviation = |at: usize| {
        let dev = (found[at] - wanted[at]).abs();
        if dev.is_nan() { f32::INFINITY } else { dev }
    };
    let outside = (0..found.len()).filter(|&at| deviation(at) > abs).count();
    let worst = (0..found.len()).max_by(|&a, &b| deviation(a).total_cmp(&deviation(b)));
    let share = 1.0 - outside as f64 / found.len().max(1) as f64;
    if let Some(worst) = worst {
        println!("{what}: worst {:e}, {outside} of {} outside {abs:e}", deviation(worst), found.len());
        assert!(
            share >= min,
            "{what}: {outside} of {} outside {abs}; at {worst} {} instead of {}",
            found.len(),
            found[worst],
            wanted[worst]
        );
    }
}
