//! Layouts that people save: nesting, wrappers, whole modules, shared tensors, every element type.

use candle_core::{DType, Tensor};
use gainfield::Result;
use gainfield::checkpoint::{self, Checkpoint, Options};

use crate::support::*;

fn read_with_key(bytes: &[u8], key: &str) -> Result<Checkpoint> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.pth");
    std::fs::write(&path, bytes).unwrap();
    checkpoint::read_with(&path, &Options { key: Some(key.to_owned()) })
}

fn values(checkpoint: &Checkpoint, name: &str) -> Vec<f32> {
    checkpoint.weights.get(name).unwrap().tensor().flatten_all().unwrap().to_vec1().unwrap()
}

/// Two storages of two floats each.
fn data() -> Vec<(&'static str, Vec<u8>)> {
    vec![("0", bytes_of(&[1.0, 2.0])), ("1", bytes_of(&[3.0, 4.0]))]
}

#[test]
fn weights_are_found_at_any_depth_beside_other_things() {
    let optimizer = dict(&[
        ("state", dict(&[("0", dict(&[("exp_avg", floats("1", 2))]))])),
        ("param_groups", list(&[dict(&[("lr", int(1))])])),
    ]);
    let object = dict(&[
        ("run", dict(&[("net", dict(&[("module.w", floats("0", 2))]))])),
        ("optimizer", optimizer),
        ("rng", floats("1", 2)),
        ("epoch", int(7)),
        ("loss", list(&[int(3), int(2)])),
    ]);
    let checkpoint = open(&zip(&object, &data())).unwrap();
    assert_eq!(checkpoint.key.as_deref(), Some("run.net"));
    assert_eq!(checkpoint.prefix_stripped.as_deref(), Some("module."));
    assert_eq!(values(&checkpoint, "w"), [1.0, 2.0]);
    assert_eq!(checkpoint.left_out, ["optimizer", "rng"]);
    assert_eq!((&*checkpoint.metadata["epoch"], &*checkpoint.metadata["loss"]), ("7", "[3, 2]"));
}

#[test]
fn several_sets_of_weights_ask_for_a_choice() {
    let object = dict(&[("a", dict(&[("w", floats("0", 2))])), ("b", dict(&[("w", floats("1", 2))]))]);
    let file = zip(&object, &data());
    assert!(refusal(&file).contains("choose one of the keys a, b"));
    assert_eq!(values(&read_with_key(&file, "b").unwrap(), "w"), [3.0, 4.0]);
    let whole = read_with_key(&file, ".").unwrap();
    assert_eq!(whole.order, ["a.w", "b.w"]);
    let message = read_with_key(&file, "c").unwrap_err().to_string();
    assert!(message.contains("known: a, b"), "{message}");
}

#[test]
fn a_dictionary_referred_to_twice_is_whole_both_times() {
    // {"model": d, "ema": d} with d filled after it was memoised, as the pickler does.
    let state = [b"}q\x05".as_slice(), b"(", &text("w"), &floats("0", 2), b"u"].concat();
    let object = [b"}(".as_slice(), &text("model"), &state, &text("ema"), b"h\x05u"].concat();
    let file = zip(&object, &data());
    let checkpoint = open(&file).unwrap();
    assert_eq!((checkpoint.key.as_deref(), values(&checkpoint, "w")), (Some("model"), vec![1.0, 2.0]));
    assert_eq!(read_with_key(&file, ".").unwrap().order, ["model.w", "ema.w"]);
}

#[test]
fn an_empty_or_tensorless_file_is_refused() {
    assert!(refusal(&zip(b"}", &[])).contains("found no tensors"));
    assert!(refusal(&zip(&dict(&[("state_dict", b"}".to_vec())]), &[])).contains("found no tensors"));
    assert!(refusal(&zip(&int(3), &[])).contains("found no tensors"));
}

#[test]
fn a_whole_module_reads_as_its_state_dict() {
    let parameter = call(
        global("torch._utils", "_rebuild_parameter"),
        &[floats("0", 2), b"\x88".to_vec(), b"N".to_vec()],
    );
    let child = object(
        "torch.nn",
        "Linear",
        dict(&[
            ("_parameters", dict(&[("weight", parameter), ("bias", b"N".to_vec())])),
            ("_buffers", dict(&[("kept", floats("1", 2)), ("cache", floats("1", 2))])),
            ("_non_persistent_buffers_set", call(global("__builtin__", "set"), &[list(&[text("cache")])])),
            ("_modules", b"}".to_vec()),
            ("in_features", int(2)),
            ("attached", dict(&[("t", floats("1", 2))])),
        ]),
    );
    let module = object(
        "models",
        "Net",
        dict(&[
            ("_parameters", b"}".to_vec()),
            ("_buffers", b"}".to_vec()),
            ("_modules", dict(&[("fc", child)])),
            ("times", int(4)),
        ]),
    );
    let checkpoint = open(&zip(&dict(&[("model", module)]), &data())).unwrap();
    assert_eq!(checkpoint.order, ["fc.weight", "fc.kept"]);
    assert_eq!(checkpoint.metadata["model.__class__"], "models.Net");
    assert_eq!(checkpoint.metadata["model.times"], "4");
    assert_eq!(checkpoint.metadata["model.fc.in_features"], "2");
}

#[test]
fn strided_views_are_gathered_and_equal_views_shared() {
    let six: Vec<f32> = (0..6).map(|value| value as f32).collect();
    let of =
        |offset, shape: &[i64], stride: &[i64]| view(storage("FloatStorage", "0", 6), offset, shape, stride);
    let object = dict(&[
        ("transposed", of(0, &[3, 2], &[1, 3])),
        ("expanded", of(1, &[2, 2], &[0, 1])),
        ("scalar", of(5, &[], &[])),
        ("empty", of(0, &[0, 4], &[4, 1])),
        ("alias", of(0, &[3, 2], &[1, 3])),
    ]);
    let checkpoint = open(&zip(&object, &[("0", bytes_of(&six))])).unwrap();
    assert_eq!(values(&checkpoint, "transposed"), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    assert_eq!(values(&checkpoint, "alias"), values(&checkpoint, "transposed"));
    assert_eq!(values(&checkpoint, "expanded"), [1.0, 2.0, 1.0, 2.0]);
    assert_eq!(checkpoint.weights.get("scalar").unwrap().tensor().to_scalar::<f32>().unwrap(), 5.0);
    assert_eq!(checkpoint.weights.get("empty").unwrap().dims(), [0, 4]);
}

#[test]
fn every_element_type_is_read() {
    let tensor = |class: &str, bytes: &[u8], n: i64| -> Tensor {
        let object = dict(&[("w", view(storage(class, "0", n), 0, &[n], &[1]))]);
        open(&zip(&object, &[("0", bytes.to_vec())])).unwrap().weights.get("w").unwrap().tensor().clone()
    };
    let as_i64 = |tensor: Tensor| {
        assert_eq!(tensor.dtype(), DType::I64);
        tensor.to_vec1::<i64>().unwrap()
    };
    assert_eq!(as_i64(tensor("LongStorage", &(-2i64).to_le_bytes(), 1)), [-2]);
    assert_eq!(as_i64(tensor("IntStorage", &(-3i32).to_le_bytes(), 1)), [-3]);
    assert_eq!(as_i64(tensor("ShortStorage", &(-4i16).to_le_bytes(), 1)), [-4]);
    assert_eq!(as_i64(tensor("CharStorage", &[0xfb], 1)), [-5]);
    assert_eq!(tensor("ByteStorage", &[7, 255], 2).to_vec1::<u8>().unwrap(), [7, 255]);
    assert_eq!(tensor("BoolStorage", &[0, 3], 2).to_vec1::<u8>().unwrap(), [0, 1]);
    assert_eq!(tensor("DoubleStorage", &0.25f64.to_le_bytes(), 1).to_vec1::<f64>().unwrap(), [0.25]);
    for (class, one, dtype) in
        [("HalfStorage", 0x3c00u16, DType::F16), ("BFloat16Storage", 0x3f80, DType::BF16)]
    {
        let tensor = tensor(class, &one.to_le_bytes(), 1);
        assert_eq!(tensor.dtype(), dtype);
        assert_eq!(tensor.to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap(), [1.0]);
    }
}

#[test]
fn a_tensor_of_an_unsupported_kind_is_not_dropped_silently() {
    let sparse = call(global("torch._utils", "_rebuild_sparse_tensor"), &[int(1), tuple(&[floats("1", 2)])]);
    let file = zip(&dict(&[("w", floats("0", 2)), ("s", sparse)]), &data());
    assert!(refusal(&file).contains("\"s\" of an unsupported kind (torch._utils._rebuild_sparse_tensor)"));
    let complex = view(storage("ComplexFloatStorage", "0", 1), 0, &[1], &[1]);
    assert!(refusal(&zip(&dict(&[("w", complex)]), &data())).contains("complex"));
}

#[test]
fn a_compressed_archive_opens() {
    let entries = [
        ("a/data.pkl".to_owned(), pickle(&dict(&[("w", floats("0", 2))]))),
        ("a/data/0".to_owned(), bytes_of(&[1.0, 2.0])),
    ];
    let file = zip_entries(&entries, zip::CompressionMethod::Deflated);
    assert_eq!(values(&open(&file).unwrap(), "w"), [1.0, 2.0]);
}
