//! Who may carry messages, and who is never asked.

use carillon_plugin::protocol::notify::{Outcome, Subscribe};
use carillon_plugin::protocol::{
    Channel, ErrorCode,
    notify::{
        GetSettings, Mail, Prices, Provider, Reach, Security, SetSettings, Test, Tested, Vendor,
        Voice,
    },
};

use crate::{
    receiver::Receiver,
    twilio::Twilio,
    urls::{INNER, UNREADABLE, USERINFO},
    world::{ACCOUNT, PUBLIC, TOKEN, World, field, twilio, ways},
};

fn alibaba(base: Option<String>, voice: Option<String>) -> Provider {
    let voice = voice.map(|base| Voice {
        base: Some(base),
        template: "TTS_1".into(),
        variable: "text".into(),
        from: None,
    });
    Provider::Alibaba {
        base,
        key_id: "LTAI".into(),
        key_secret: Some("secret".into()),
        sign_name: "Carillon".into(),
        template: "SMS_1".into(),
        variable: "text".into(),
        value_len_max: None,
        voice,
    }
}

fn tencent(base: Option<String>) -> Provider {
    Provider::Tencent {
        base,
        region: "ap-guangzhou".into(),
        secret_id: "AKID".into(),
        secret_key: Some("secret".into()),
        application: "1400000000".into(),
        sign_name: None,
        template: "1".into(),
        value_len_max: None,
    }
}

fn with(providers: Vec<Provider>) -> SetSettings {
    SetSettings { providers, ..SetSettings::default() }
}

fn at(base: &str) -> Provider {
    Provider::Twilio {
        base: Some(base.to_owned()),
        account: ACCOUNT.into(),
        token: Some(TOKEN.into()),
        from: "+14155550100".into(),
    }
}

fn mail(host: &str) -> Mail {
    Mail {
        host: host.to_owned(),
        port: 465,
        security: Security::Tls,
        user: Some("chat".into()),
        password: Some("secret".into()),
        from: "chat@example.org".into(),
        authorities: None,
    }
}

#[tokio::test]
async fn no_address_that_is_configured_leads_inside() {
    // Nothing of this machine is allowed, and every name leads to it.
    let inside = || {
        let mut ways = ways(&[], None);
        let tls = carillon_notify::egress::distrustful();
        let names = crate::listener::Script::says(&[&["127.0.0.1"]]);
        let egress = carillon_notify::egress::Egress::new(<_>::default(), tls, names);
        ways.egress = std::sync::Arc::new(egress);
        ways
    };
    let world = World::new(inside()).await;
    let hosts = INNER.iter().map(|host| format!("http://{host}"));
    let hosts = hosts.chain(INNER.iter().map(|host| format!("https://{host}")));
    let names = ["http://localhost", "http://metadata.google.internal", "https://good.example"];
    let urls = UNREADABLE.iter().chain(&USERINFO).map(|&url| url.trim_end_matches('/').to_owned());
    let all: Vec<String> = hosts.chain(names.map(str::to_owned)).chain(urls).collect();
    assert!(all.len() >= 60, "{}", all.len());
    let (p256dh, auth) = Receiver::new().keys();
    for url in &all {
        let base = || Some(url.clone());
        for provider in [at(url), alibaba(base(), None), tencent(base()), alibaba(None, base())] {
            let (code, name) = field(world.set(with(vec![provider])).await);
            assert_eq!((code, name.as_str()), (ErrorCode::BadArg, "providers.base"), "{url}");
        }
    }
    for host in INNER {
        let subscribe = Subscribe {
            endpoint: format!("https://{host}/push"),
            p256dh: p256dh.clone(),
            auth: auth.clone(),
            name: "Browser".into(),
        };
        let refused = world.call(world.bob, subscribe).await;
        assert_eq!(field(refused), (ErrorCode::BadArg, "endpoint".to_owned()), "{host}");
    }
    for host in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "localhost", "good.example"] {
        let settings = SetSettings { mail: Some(mail(host)), ..SetSettings::default() };
        let refused = field(world.set(settings).await);
        assert_eq!(refused, (ErrorCode::BadArg, "mail.host".to_owned()), "{host}");
    }
    let set = world.call(world.amy, GetSettings {}).await.unwrap();
    assert!(set.settings == SetSettings::default() && set.callbacks.is_empty());
}

#[tokio::test]
async fn secrets_are_written_kept_and_never_shown() {
    let world = World::new(ways(&[8443], None)).await;
    let first = SetSettings {
        mail: Some(mail("mail.example")),
        prices: Some(Prices { sms: 8, call: 20 }),
        ..twilio(8443)
    };
    let set = world.set(first.clone()).await.unwrap();
    let text = serde_json::to_string(&set).unwrap();
    assert!(!text.contains(TOKEN) && !text.contains("secret\""), "{text}");
    assert!(set.callbacks[0].url.starts_with(&format!("{PUBLIC}/v1/notify/twilio/")));
    // What was shown can be written back: what is not in it stays.
    let again = world.set(set.settings.clone()).await.unwrap();
    assert!(again == set);
    let mut elsewhere = set.settings.clone();
    elsewhere.mail = Some(Mail { password: None, ..mail("other.example") });
    assert_eq!(field(world.set(elsewhere).await).1, "mail.password");
    let mut elsewhere = set.settings.clone();
    let Provider::Twilio { base, .. } = &mut elsewhere.providers[0] else { panic!("Twilio") };
    *base = Some("https://collector.example".into());
    assert_eq!(field(world.set(elsewhere).await).1, "providers.token");
    let reached = world.call(world.asker(), Reach { users: Vec::new() }).await.unwrap();
    let prices: Vec<_> = reached.ways.iter().map(|way| (way.channel, way.cents)).collect();
    let free = [(Channel::Push, 0), (Channel::Email, 0)];
    assert_eq!(prices, [&free[..], &[(Channel::Sms, 8), (Channel::Call, 20)]].concat());
    // Who administers nothing sees nothing.
    let refused = world.call(world.bob, GetSettings {}).await;
    assert_eq!(field(refused).0, ErrorCode::Forbidden);
    let refused = world.call(world.bob, first).await;
    assert_eq!(field(refused).0, ErrorCode::Forbidden);
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_by_name() {
    let world = World::new(ways(&[8443], None)).await;
    let good = twilio(8443);
    let twice = [good.providers.clone(), good.providers.clone()].concat();
    for (name, settings) in [
        ("providers", SetSettings { providers: twice, ..good.clone() }),
        ("sms", SetSettings { sms: Some(Vendor::Vonage), ..good.clone() }),
        ("call", SetSettings { call: Some(Vendor::Tencent), ..with(vec![tencent(None)]) }),
        ("prefix", SetSettings { prefix: Some("852".into()), ..good.clone() }),
        ("prefix", SetSettings { prefix: Some("+0852".into()), ..good.clone() }),
        ("mail.from", {
            let mail = Mail { from: "nobody".into(), ..mail("mail.example") };
            SetSettings { mail: Some(mail), ..good.clone() }
        }),
        ("providers.account", {
            let mut bad = good.clone();
            let Provider::Twilio { account, .. } = &mut bad.providers[0] else { panic!("Twilio") };
            *account = "SK1".into();
            bad
        }),
    ] {
        let refused = field(world.set(settings).await);
        assert_eq!(refused, (ErrorCode::BadArg, name.to_owned()));
    }
    let four = with(vec![
        good.providers[0].clone(),
        alibaba(None, Some("https://voice.example:8443".into())),
        tencent(None),
    ]);
    let set = world.set(four).await.unwrap();
    assert_eq!(set.callbacks.len(), 3);
}

#[tokio::test]
async fn a_test_says_what_happened() {
    let twilio = Twilio::open().await;
    let world = World::with_twilio(twilio.port()).await;
    let test = async |channel| world.call(world.amy, Test { channel }).await.unwrap();
    let Tested { outcome, why } = test(Channel::Sms).await;
    assert_eq!((outcome, why.is_some()), (Outcome::Unreachable, true));
    world.phone(world.amy.user, "+85298765432").await;
    assert_eq!(test(Channel::Sms).await.outcome, Outcome::Accepted);
    assert_eq!(test(Channel::Call).await.outcome, Outcome::Accepted);
    let to: Vec<_> = twilio.taken().into_iter().map(|it| it.to).collect();
    assert_eq!(to, ["+85298765432", "+85298765432"]);
    world.phone(world.amy.user, "+85298760000").await;
    assert_eq!(test(Channel::Sms).await.outcome, Outcome::Unreachable);
    assert_eq!(test(Channel::Email).await.outcome, Outcome::Unreachable);
    assert_eq!(test(Channel::Push).await.outcome, Outcome::Unreachable);
    let refused = world.call(world.bob, Test { channel: Channel::Sms }).await;
    assert_eq!(field(refused).0, ErrorCode::Forbidden);
}
