//! Who carries messages: the organisation's mail server and providers.

use std::{collections::BTreeMap, sync::Arc};

use carillon_notify::{
    egress,
    mail::{self, Mailer},
    provider::{self, BadSettings, Channel as Way},
};
use carillon_plugin::{
    Audited, Ctx, Error, Result, Tx,
    protocol::{
        OrgId,
        limits::PROVIDERS_MAX,
        notify::{Callback, GetSettings, Mail, Provider, SetSettings, Settings, Vendor},
        role::ORGANISATION,
    },
};
use serde_json::{Value, json};

use super::{Notify, hidden, permit};

/// How many random bytes stand at the end of an address that a vendor reports to.
const SECRET_LEN: usize = 16;

/// What is set, with its secrets.
#[derive(Default)]
pub(super) struct Stored {
    pub(super) settings: SetSettings,
    text: String,
    rev: u64,
    /// The secrets of the addresses that vendors report to.
    callbacks: BTreeMap<Vendor, String>,
}

/// How a vendor is called in addresses and rows.
pub(super) fn name(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Twilio => "twilio",
        Vendor::Vonage => "vonage",
        Vendor::Alibaba => "alibaba",
        Vendor::Tencent => "tencent",
    }
}

pub(super) fn vendor(name: &str) -> Option<Vendor> {
    let all = [Vendor::Twilio, Vendor::Vonage, Vendor::Alibaba, Vendor::Tencent];
    all.into_iter().find(|&vendor| self::name(vendor) == name)
}

impl Stored {
    pub(super) async fn of(ctx: &Ctx, org: OrgId) -> Result<Stored> {
        let sql = "SELECT settings, rev FROM notify_settings WHERE org = $1";
        let Some(row) = ctx.query_one(sql, [org.into()]).await? else {
            return Ok(Stored::default());
        };
        let (text, rev) = (row.get::<String>(0)?, row.get(1)?);
        let settings = serde_json::from_str(&text).map_err(Error::internal)?;
        let sql = "SELECT vendor, secret FROM notify_callback WHERE org = $1";
        let mut callbacks = BTreeMap::new();
        for row in ctx.query(sql, [org.into()]).await? {
            if let Some(vendor) = vendor(&row.get::<String>(0)?) {
                callbacks.insert(vendor, row.get(1)?);
            }
        }
        Ok(Stored { settings, text, rev, callbacks })
    }

    /// The provider of a vendor; none if it is not set any more.
    pub(super) fn provider(
        &self,
        ctx: &Ctx,
        vendor: Vendor,
    ) -> Result<Option<Box<dyn provider::Provider>>> {
        let set = self.settings.providers.iter().find(|it| it.vendor() == vendor);
        let (Some(set), Some(url)) = (set, self.callback(ctx, vendor)) else { return Ok(None) };
        open(set, &url).map(Some)
    }

    /// The organisation's mailer, if there is one.
    pub(super) fn mailer(&self, ctx: &Ctx, org: OrgId) -> Result<Option<Arc<Mailer>>> {
        let state = ctx.state::<Notify>();
        let Some(mail) = &self.settings.mail else { return Ok(None) };
        state.mailer(org, &self.text, || open_mail(mail, &state)).map(Some)
    }

    /// Where a vendor reports to.
    fn callback(&self, ctx: &Ctx, vendor: Vendor) -> Option<String> {
        let state = ctx.state::<Notify>();
        let (public, secret) = (state.ways.public_url.as_ref()?, self.callbacks.get(&vendor)?);
        Some(address(public, vendor, secret))
    }

    fn shown(&self, ctx: &Ctx) -> Result<Settings> {
        let callbacks = self
            .callbacks
            .keys()
            .filter_map(|&vendor| Some(Callback { vendor, url: self.callback(ctx, vendor)? }));
        let public_url = ctx.state::<Notify>().ways.public_url.clone();
        Ok(Settings {
            settings: shown(&self.settings)?,
            callbacks: callbacks.collect(),
            public_url,
        })
    }
}

fn address(public: &str, vendor: Vendor, secret: &str) -> String {
    format!("{public}/v1/notify/{}/{secret}", name(vendor))
}

fn shown(settings: &SetSettings) -> Result<SetSettings> {
    let providers = settings.providers.iter().map(hidden::shown).collect::<Result<_>>()?;
    let mail = settings.mail.as_ref().map(hidden::shown_mail).transpose()?;
    Ok(SetSettings { mail, providers, ..settings.clone() })
}

/// A provider of its settings.
fn open(set: &Provider, callback: &str) -> Result<Box<dyn provider::Provider>> {
    let mut settings = serde_json::to_value(set).expect("texts and numbers become JSON");
    settings["callback"] = json!(callback);
    let settings: provider::Settings = serde_json::from_value(settings)
        .map_err(|why| Error::bad_arg("providers", why.to_string()))?;
    settings.open().map_err(|bad| refused("providers", &bad))
}

fn open_mail(mail: &Mail, state: &Notify) -> Result<Mailer> {
    let settings = serde_json::to_value(mail).expect("texts and numbers become JSON");
    let settings: mail::Settings =
        serde_json::from_value(settings).map_err(|why| Error::bad_arg("mail", why.to_string()))?;
    settings.open(&state.ways.egress).map_err(|bad| refused("mail", &bad))
}

fn refused(of: &str, bad: &BadSettings) -> Error {
    Error::bad_arg(&format!("{of}.{}", bad.field), bad.hint)
}

pub(super) async fn get(ctx: Ctx, _: GetSettings) -> Result<Settings> {
    permit(&ctx, ORGANISATION).await?;
    Stored::of(&ctx, ctx.caller().org).await?.shown(&ctx)
}

pub(super) async fn set(ctx: Ctx, args: SetSettings) -> Result<Settings> {
    permit(&ctx, ORGANISATION).await?;
    let org = ctx.caller().org;
    let old = Stored::of(&ctx, org).await?;
    let new = completed(&args, &old.settings)?;
    check(&ctx, &new).await?;
    let text = serde_json::to_string(&new).map_err(Error::internal)?;
    let callbacks = callbacks(&new, &old)?;
    let (before, after) = (shown(&old.settings)?, shown(&new)?);
    let mut tx = ctx.tx();
    tx.run_one(
        "INSERT INTO notify_settings (org, settings, rev) VALUES ($1, $2, 1)
         ON CONFLICT (org) DO UPDATE SET settings = excluded.settings, rev = notify_settings.rev + 1
         WHERE notify_settings.rev = $3",
        [org.into(), text.as_str().into(), old.rev.into()],
    );
    keep_callbacks(&mut tx, org, &callbacks);
    tx.audit(Audited::of("notify_settings", org).before(&before).after(&after));
    ctx.commit(tx).await?;
    Stored { settings: new, text, rev: old.rev + 1, callbacks }.shown(&ctx)
}

/// The settings with the secrets that they keep.
fn completed(new: &SetSettings, old: &SetSettings) -> Result<SetSettings> {
    let provider = |it: &Provider| hidden::provider(it, &old.providers);
    let mail = new.mail.as_ref().map(|mail| hidden::mail(mail, old.mail.as_ref()));
    Ok(SetSettings {
        mail: mail.transpose()?,
        providers: new.providers.iter().map(provider).collect::<Result<_>>()?,
        ..new.clone()
    })
}

/// Refuses what could not work, or would ask whom nobody may ask.
async fn check(ctx: &Ctx, settings: &SetSettings) -> Result<()> {
    let state = ctx.state::<Notify>();
    let SetSettings { mail, providers, sms, call, prefix, .. } = settings;
    if let Some(mail) = mail {
        open_mail(mail, &state)?;
        allowed(&state, &mail.host, "mail.host").await?;
    }
    if providers.len() > PROVIDERS_MAX {
        return Err(Error::bad_arg("providers", format!("at most {PROVIDERS_MAX}")));
    }
    let Some(public) =
        state.ways.public_url.as_deref().or(Some("").filter(|_| providers.is_empty()))
    else {
        let hint = "providers report to this server: ask the operator to set `public_url`";
        return Err(Error::bad_arg("providers", hint));
    };
    let mut carried: BTreeMap<Vendor, [bool; 2]> = BTreeMap::new();
    for set in providers {
        for base in bases(set) {
            let target = state.ways.egress.check(&base);
            let target = target.map_err(|bad| Error::bad_arg("providers.base", bad.to_string()))?;
            allowed(&state, &target.host(), "providers.base").await?;
        }
        let opened = open(set, &address(public, set.vendor(), &"0".repeat(2 * SECRET_LEN)))?;
        let carries = [opened.carries(Way::Sms), opened.carries(Way::Call)];
        if carried.insert(set.vendor(), carries).is_some() {
            return Err(Error::bad_arg("providers", "name each vendor once"));
        }
    }
    for (field, vendor, way) in [("sms", sms, 0), ("call", call, 1)] {
        if vendor.is_some_and(|vendor| !carried.get(&vendor).is_some_and(|can| can[way])) {
            return Err(Error::bad_arg(field, "name one of the providers, which carries this"));
        }
    }
    let code = |prefix: &String| {
        let digits = prefix.strip_prefix('+').unwrap_or_default();
        (1..=4).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0')
    };
    match prefix.as_ref().is_none_or(code) {
        true => Ok(()),
        false => Err(Error::bad_arg("prefix", "write a country code, as +852")),
    }
}

/// The addresses that a provider's settings name.
fn bases(set: &Provider) -> Vec<String> {
    let settings = serde_json::to_value(set).expect("texts and numbers become JSON");
    let at = |place: &str| settings.pointer(place).and_then(Value::as_str).map(str::to_owned);
    [at("/base"), at("/voice/base")].into_iter().flatten().collect()
}

/// Refuses a host that leads to where nobody may ask. A name that has no address now may have one
/// later, and is looked at again whenever it is used.
async fn allowed(state: &Notify, host: &str, field: &str) -> Result<()> {
    match state.ways.egress.addresses(host).await {
        Err(denied @ egress::Error::Denied(_)) => Err(Error::bad_arg(field, denied.to_string())),
        _ => Ok(()),
    }
}

/// The addresses that vendors report to: one stays as long as its vendor does.
fn callbacks(new: &SetSettings, old: &Stored) -> Result<BTreeMap<Vendor, String>> {
    let mut callbacks = BTreeMap::new();
    for vendor in new.providers.iter().map(Provider::vendor) {
        let secret = match old.callbacks.get(&vendor) {
            Some(secret) => secret.clone(),
            None => secret()?,
        };
        callbacks.insert(vendor, secret);
    }
    Ok(callbacks)
}

fn secret() -> Result<String> {
    let mut bytes = [0; SECRET_LEN];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn keep_callbacks(tx: &mut Tx, org: OrgId, callbacks: &BTreeMap<Vendor, String>) {
    tx.run("DELETE FROM notify_callback WHERE org = $1", [org.into()]);
    let row = |(&vendor, secret): (&Vendor, &String)| {
        vec![secret.as_str().into(), org.into(), name(vendor).into()]
    };
    tx.run_rows(
        "INSERT INTO notify_callback (secret, org, vendor) VALUES {rows}",
        callbacks.iter().map(row).collect(),
    );
}
