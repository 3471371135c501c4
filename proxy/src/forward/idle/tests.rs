use std::future::poll_fn;

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// Silence until the timer is ready, but for at most `most`; None: it was not.
async fn silence(timer: &mut IdleTimer, most: Duration) -> Option<Duration> {
    let start = Instant::now();
    tokio::time::timeout(most, poll_fn(|cx| timer.poll(cx)))
        .await
        .ok()
        .map(|()| start.elapsed())
}

/// What the timer wheel may be late by.
fn about(found: Option<Duration>, wanted: Duration) {
    let found = found.expect("it fires");
    assert!(
        found >= wanted && found <= wanted + Duration::from_millis(2),
        "{found:?} instead of {wanted:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn it_fires_after_a_whole_silence() {
    about(silence(&mut IdleTimer::new(LIMIT), LIMIT * 2).await, LIMIT);
}

#[tokio::test(start_paused = true)]
async fn what_comes_begins_the_silence_anew() {
    let mut timer = IdleTimer::new(LIMIT);
    for _ in 0..5 {
        assert_eq!(silence(&mut timer, LIMIT * 9 / 10).await, None);
        timer.stir();
    }
    about(silence(&mut timer, LIMIT * 2).await, LIMIT);
}

#[tokio::test(start_paused = true)]
async fn time_in_which_nobody_asks_is_no_silence() {
    let mut timer = IdleTimer::new(LIMIT);
    tokio::time::sleep(LIMIT * 3).await;
    about(silence(&mut timer, LIMIT * 2).await, LIMIT);
    timer.stir();
    tokio::time::sleep(LIMIT * 3).await;
    about(silence(&mut timer, LIMIT * 2).await, LIMIT);
}

#[tokio::test(start_paused = true)]
async fn zero_is_no_limit() {
    let day = Duration::from_secs(86_400);
    assert_eq!(
        silence(&mut IdleTimer::new(Duration::ZERO), day).await,
        None
    );
}
