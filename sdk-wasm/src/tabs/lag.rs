//! How late this tab's timers run.

/// The longest lag that counts, in milliseconds. Browsers run the timers of a hidden tab once a
/// second or once a minute, which says nothing about load.
const LAG_MS_MAX: u64 = 2_000;

/// The measured lag of this tab's timers.
#[derive(Debug, Default)]
pub struct TimerLag {
    armed_ms: Option<u64>,
    worst_ms: u64,
}

impl TimerLag {
    /// Records when the timer should fire.
    pub fn timer_armed(&mut self, due_ms: Option<u64>) {
        self.armed_ms = due_ms;
    }

    /// Records that the timer fired, or that something else woke the client.
    pub fn timer_fired(&mut self, now_ms: u64) {
        let Some(late_ms) = self.armed_ms.and_then(|due_ms| now_ms.checked_sub(due_ms)) else {
            return;
        };
        // The worst lag counts, and decays slowly.
        let faded_ms = self.worst_ms - self.worst_ms.div_ceil(8);
        self.worst_ms = late_ms.min(LAG_MS_MAX).max(faded_ms);
    }

    /// The settle time for this lag: ten times the lag, and at least `least_ms`.
    pub fn settle_ms(&self, least_ms: u64) -> u64 {
        least_ms.max(10 * self.worst_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_lag_counts_up_to_two_seconds_and_fades_by_an_eighth() {
        let mut lag = TimerLag::default();
        lag.timer_fired(9_000);
        assert_eq!(lag.settle_ms(0), 0, "no timer was armed");
        let mut fire = |late_ms: u64| {
            lag.timer_armed(Some(1_000));
            lag.timer_fired(1_000 + late_ms);
            lag.settle_ms(0)
        };
        assert_eq!(fire(80), 800);
        assert_eq!(fire(0), 700);
        assert_eq!(fire(69), 690, "more than 70 faded by an eighth");
        assert_eq!(fire(60_000), 20_000);
        // Something else woke the client before the timer was due.
        lag.timer_armed(Some(1_000));
        lag.timer_fired(999);
        assert_eq!(lag.settle_ms(0), 20_000);
        assert_eq!(lag.settle_ms(30_000), 30_000);
    }

    #[test]
    fn the_settle_time_grows_with_the_lag_and_shrinks_again() {
        let mut lag = TimerLag::default();
        assert_eq!(lag.settle_ms(250), 250);
        lag.timer_armed(Some(1_000));
        lag.timer_fired(1_100);
        assert_eq!(lag.settle_ms(250), 1_000);
        for _ in 0..40 {
            lag.timer_armed(Some(2_000));
            lag.timer_fired(2_000);
        }
        assert_eq!(lag.settle_ms(250), 250);
    }
}
