//! A slot that holds the newest value only: snapshots and previews are never queued.

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

/// Writing end: replaces whatever was not taken yet.
#[derive(Clone, Debug)]
pub struct LatestSender<T> {
    sender: Sender<T>,
    stale: Receiver<T>,
}

/// Reading end.
#[derive(Clone, Debug)]
pub struct LatestReceiver<T> {
    receiver: Receiver<T>,
}

/// A connected pair.
pub fn latest<T>() -> (LatestSender<T>, LatestReceiver<T>) {
    let (sender, receiver) = bounded(1);
    (LatestSender { sender, stale: receiver.clone() }, LatestReceiver { receiver })
}

impl<T> LatestSender<T> {
    /// Never blocks.
    pub fn publish(&self, value: T) {
        let mut value = value;
        while let Err(TrySendError::Full(returned)) = self.sender.try_send(value) {
            value = returned;
            let _outdated = self.stale.try_recv();
        }
    }
}

impl<T> LatestReceiver<T> {
    /// The newest value since the last call; `None` if there is none.
    pub fn take(&self) -> Option<T> {
        self.receiver.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_value_is_read() {
        let (sender, receiver) = latest();
        assert_eq!(receiver.take(), None);
        sender.publish(1);
        sender.publish(2);
        assert_eq!(receiver.take(), Some(2));
        assert_eq!(receiver.take(), None);
    }
}
