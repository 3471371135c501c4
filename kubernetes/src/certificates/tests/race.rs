//! Several scalers, and those that end in the middle.

use super::*;

#[tokio::test]
async fn who_comes_second_takes_what_the_first_has_made() {
    let (world, other) = (World::default(), World::default());
    other.scaler().look().await.unwrap();
    let theirs = [Which::Authorities, Which::Proxies].map(|which| {
        let mut secret = other.secret(which);
        secret.metadata.resource_version = None;
        (which, secret)
    });
    // They come just before the first write of this one.
    world.0.lock().ahead = theirs.into();
    let mut scaler = world.scaler();
    scaler.look().await.unwrap();
    assert_eq!(world.authorities(), other.authorities());
    assert_eq!(world.proxies(), other.proxies());
    let believed = believe_each_other(&scaler.side(), &Side::proxies(&world), world.now());
    assert!(believed);
}

#[tokio::test]
async fn two_make_one_authority() {
    let world = World::default();
    let mut scalers = [world.scaler(), world.scaler()];
    for scaler in &mut scalers {
        scaler.look().await.unwrap();
    }
    assert_eq!(world.0.lock().puts, 2);
    let [one, other] = scalers;
    assert_eq!(one.side().bundle, other.side().bundle);
    assert_ne!(one.made().key, other.made().key, "each has its own");
}

#[tokio::test]
async fn nothing_is_written_while_nothing_is_due() {
    let world = World::default();
    let mut scaler = world.scaler();
    let until = scaler.look().await.unwrap();
    assert_eq!(until, later(world.now(), LIFETIMES.certificate * 2 / 3));
    world.pass(MINUTE);
    scaler.look().await.unwrap();
    world.scaler().look().await.unwrap();
    assert_eq!(world.0.lock().puts, 2);
}

#[tokio::test]
async fn who_ends_after_any_write_is_followed_by_who_goes_on() {
    let world = World::default();
    // Begin, equip; then at the times at which something is due: announce, equip, promote, equip.
    let mut seen = Vec::new();
    for _ in 0..400 {
        let before = world.0.lock().puts;
        world.0.lock().lost = true;
        // Each writes at most once, and is gone.
        let ended = world.scaler().look().await;
        world.0.lock().lost = false;
        if world.0.lock().puts == before {
            ended.unwrap();
            world.pass(MINUTE * 3);
        } else {
            ended.unwrap_err();
            let secrets = &world.0.lock().secrets;
            let next = secrets[&Which::Authorities].data.as_ref().unwrap();
            seen.push((secrets.len(), next.contains_key("next.crt")));
        }
    }
    assert!(seen.starts_with(&[(1, false), (2, false)]), "{seen:?}");
    let announced = seen.iter().filter(|(_, next)| *next).count();
    assert!(announced >= 2, "{seen:?}");
    assert_eq!(seen.last(), Some(&(2, false)), "{seen:?}");
}

#[tokio::test]
async fn what_was_taken_away_is_made_again() {
    let world = World::default();
    let mut scaler = world.scaler();
    scaler.look().await.unwrap();
    let before = world.authorities();
    world.take_away(Which::Proxies);
    scaler.look().await.unwrap();
    assert_eq!(world.authorities(), before);
    world.take_away(Which::Authorities);
    scaler.look().await.unwrap();
    assert_ne!(world.authorities(), before);
    assert!(believe_each_other(
        &scaler.side(),
        &Side::proxies(&world),
        world.now()
    ));
}

#[tokio::test]
async fn an_installation_that_has_slept_for_years_begins_again() {
    let world = World::default();
    world.scaler().look().await.unwrap();
    world.pass(LIFETIMES.authority * 3);
    let mut scaler = world.scaler();
    scaler.look().await.unwrap();
    assert_eq!(world.authorities().bundle(world.now()).len(), 1);
    assert!(believe_each_other(
        &scaler.side(),
        &Side::proxies(&world),
        world.now()
    ));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_counted_told_and_tried_again() {
    let world = World::default();
    world.0.lock().down = true;
    let failures = Counter::default();
    let clock = world.clone();
    let (keeper, mut state) = Keeper::new(world.clone(), LIFETIMES, failures.clone(), move || {
        clock.now()
    });
    tokio::spawn(keeper.run());
    state
        .wait_for(|state| state.problem.is_some())
        .await
        .unwrap();
    let told = state.borrow().problem.clone().unwrap();
    assert_eq!(told, "Secret rouse/rouse-link-ca: down");
    assert!(failures.get() >= 1);
    world.0.lock().down = false;
    let state = state
        .wait_for(|state| state.problem.is_none())
        .await
        .unwrap();
    assert!(state.made.is_some());
}
