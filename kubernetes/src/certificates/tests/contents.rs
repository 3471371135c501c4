//! What is in the Secrets: names, usages, and what is refused.

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::*;

/// What TLS would say of it at that time.
fn verified(one: &Side, by: &Side, usage: KeyUsage, name: Option<&str>, now: Timestamp) -> bool {
    let der = |one: &Certificate| {
        let text = one.pem();
        let block = pem::parse(text).unwrap();
        CertificateDer::from(block.into_contents())
    };
    let bundle: Vec<_> = by.bundle.iter().map(der).collect();
    let anchors = bundle
        .iter()
        .map(|one| anchor_from_trusted_cert(one).unwrap());
    let anchors: Vec<_> = anchors.collect();
    let own = der(&one.own);
    let own = EndEntityCert::try_from(&own).unwrap();
    let at = Duration::from_secs(now.as_second().try_into().unwrap());
    let algorithms = webpki::ALL_VERIFICATION_ALGS;
    let at = UnixTime::since_unix_epoch(at);
    let path = own.verify_for_usage(algorithms, &anchors, &[], at, usage, None, None);
    let named = name.is_none_or(|name| {
        let name = ServerName::try_from(name).unwrap();
        own.verify_is_valid_for_subject_name(&name).is_ok()
    });
    path.is_ok() && named
}

#[tokio::test]
async fn each_side_has_what_the_link_wants_of_it_and_no_more() {
    let world = World::default();
    let mut scaler = world.scaler();
    scaler.look().await.unwrap();
    let (scaler, proxies, now) = (scaler.side(), Side::proxies(&world), world.now());
    let (server, client) = (KeyUsage::server_auth, KeyUsage::client_auth);
    assert!(verified(
        &scaler,
        &proxies,
        server(),
        Some("rouse-scaler"),
        now
    ));
    assert!(verified(&proxies, &scaler, client(), None, now));
    assert!(!verified(&proxies, &scaler, server(), None, now));
    assert!(!verified(&scaler, &proxies, client(), None, now));
    // A clock that is four minutes behind believes them, too.
    let behind = now - MINUTE * 4;
    assert!(verified(&scaler, &proxies, server(), None, behind));
    let over = now + LIFETIMES.certificate + MINUTE;
    assert!(!verified(&scaler, &proxies, server(), None, over));
}

#[tokio::test]
async fn secrets_are_read_as_they_were_written() {
    let world = World::default();
    world.scaler().look().await.unwrap();
    let (authorities, proxies) = (world.authorities(), world.proxies());
    assert_eq!(Authorities::read(&authorities.write(None)), Ok(authorities));
    assert_eq!(Proxies::read(&proxies.write(None)), Ok(proxies));
    let secret = world.secret(Which::Proxies);
    assert_eq!(secret.type_.as_deref(), Some("kubernetes.io/tls"));
    // A key tells nobody of itself.
    let debug = format!("{:?}", world.proxies());
    assert!(!debug.contains("PRIVATE"), "{debug}");
}

#[tokio::test]
async fn labels_of_others_stay() {
    let world = World::default();
    let mut scaler = world.scaler();
    scaler.look().await.unwrap();
    let mut secret = world.secret(Which::Proxies);
    let labels = secret.metadata.labels.as_mut().unwrap();
    labels.insert("team".to_owned(), "edge".to_owned());
    world.write(Which::Proxies, secret);
    world.pass(LIFETIMES.certificate * 2 / 3);
    let before = world.proxies();
    scaler.look().await.unwrap();
    assert_ne!(world.proxies(), before);
    let secret = world.secret(Which::Proxies);
    assert_eq!(secret.metadata.labels.unwrap()["team"], "edge");
}

#[tokio::test]
async fn what_somebody_else_has_made_is_left_alone() {
    for (which, name) in [
        (Which::Authorities, "rouse/rouse-link-ca"),
        (Which::Proxies, "rouse/rouse-proxy-link"),
    ] {
        let world = World::default();
        let secret = with(Secret::default(), "ca.crt", "theirs");
        world.write(which, secret);
        let before = world.secret(which);
        let mut scaler = world.scaler();
        let told = scaler.look().await.unwrap_err();
        assert!(told.contains(name), "{told}");
        assert!(told.contains("not made by a scaler"), "{told}");
        assert_eq!(world.secret(which), before);
        assert_eq!(scaler.state.borrow().made, None, "no link begins");
    }
}

#[tokio::test]
async fn damage_is_told_and_the_link_keeps_what_it_has() {
    let world = World::default();
    let mut scaler = world.scaler();
    scaler.look().await.unwrap();
    let had = scaler.made();
    let other = World::default();
    other.scaler().look().await.unwrap();
    let strange = other.authorities().signing;
    for (which, entry, text, wanted) in [
        (Which::Authorities, "ca.crt", "nonsense", "ca.crt"),
        (Which::Authorities, "ca.key", "nonsense", "ca.key"),
        (
            Which::Authorities,
            "ca.key",
            &*strange.key,
            "ca.key: the key of another certificate",
        ),
        (
            Which::Authorities,
            "ca.crt",
            &*world.proxies().pair.certificate.pem(),
            "ca.key: the key of another",
        ),
        (
            Which::Authorities,
            "next.crt",
            &*strange.certificate.pem(),
            "no entry next.key",
        ),
        (Which::Proxies, "tls.crt", "", "tls.crt"),
        (
            Which::Proxies,
            "ca.crt",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "ca.crt: not a certificate",
        ),
        (
            Which::Proxies,
            "tls.key",
            &*strange.key,
            "tls.key: the key of another certificate",
        ),
    ] {
        let good = world.secret(which);
        let damaged = with(good.clone(), entry, text);
        world.write(which, damaged.clone());
        let told = scaler.look().await.unwrap_err();
        assert!(told.contains(wanted), "{told}");
        assert_eq!(world.secret(which).data, damaged.data);
        assert_eq!(scaler.made(), had);
        world.write(which, good);
        scaler.look().await.unwrap();
    }
}

#[tokio::test]
async fn the_own_certificate_is_renewed_while_the_proxies_is_damaged() {
    let world = World::default();
    let mut scaler = world.scaler();
    scaler.look().await.unwrap();
    let had = scaler.made();
    let damaged = with(world.secret(Which::Proxies), "tls.crt", "");
    world.write(Which::Proxies, damaged);
    world.pass(LIFETIMES.certificate * 2 / 3);
    scaler.look().await.unwrap_err();
    assert_ne!(scaler.made(), had);
}
