//! One signal that tells the parts of a process to finish what they hold and end.

use std::future::Future;

use tokio::sync::watch;

/// Gives the signal; as often as wanted, it counts once.
#[derive(Debug, Default)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// Tells all that wait.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Ends when the signal is given, or its giver is gone.
    pub fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut receiver = self.0.subscribe();
        async move { while !*receiver.borrow_and_update() && receiver.changed().await.is_ok() {} }
    }
}

#[cfg(test)]
mod tests {
    use super::Stop;

    #[tokio::test]
    async fn all_that_wait_are_told_also_late_ones() {
        let stop = Stop::default();
        let early = stop.stopped();
        stop.stop();
        early.await;
        stop.stopped().await;
        let orphan = Stop::default().stopped();
        orphan.await;
    }
}
