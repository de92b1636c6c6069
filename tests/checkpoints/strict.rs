//! Trained networks load strictly under the reference's names, where PyTorch and the peers are at hand.

use std::path::Path;
use std::process::Command;

#[test]
fn trained_networks_load_strictly_into_the_peers_modules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = root.join("../shared");
    if !shared.is_dir() {
        eprintln!("skipped: ../shared is absent");
        return;
    }
    let has_torch = Command::new("python3").args(["-c", "import torch, safetensors"]).output();
    if !has_torch.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: python3 with torch and safetensors is absent");
        return;
    }
    let script = root.join("tests/strict_loading.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(env!("CARGO_BIN_EXE_gainfield"))
        .arg(shared)
        .output()
        .unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    for family in ["object_attention", "recurrent_gating", "counter_hebb", "blt", "cordsnet"] {
        assert!(said.contains(family), "{said}");
    }
}
