//! The MNIST test split as published.

use gainfield::stimulus::{Split, idx::load_digits};

use crate::support::{Golden, shared};

#[test]
fn the_published_test_digits_are_read_and_agree_with_stored_ones() {
    let (Some(folder), Some(golden)) = (shared("data/mnist"), shared("golden/oba/mnist_eval256.safetensors"))
    else {
        return;
    };
    let digits = load_digits(&folder, Split::Test).unwrap();
    assert_eq!(digits.len(), 10_000);
    assert_eq!(digits.identity().files.len(), 2);
    let golden = Golden::read(&golden);
    let (stored, labels) = (golden.bytes("digits"), golden.integers("digit_label"));
    for (k, index) in golden.indices("digit_t10k_index").into_iter().enumerate() {
        assert_eq!(digits.bytes(index), &stored[k * 784..(k + 1) * 784]);
        assert_eq!(i64::from(digits.label(index)), labels[k]);
    }
    let message = load_digits(&folder, Split::Train).unwrap_err().to_string();
    assert!(message.contains("only the test digits"), "{message}");
}
