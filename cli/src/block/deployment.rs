//! The deployed stack: what it denies by, and the right to change that.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context, bail};
use callerwatch_adapters::clients::{self, Clients, SdkConfig};
use callerwatch_adapters::clock;
use callerwatch_adapters::identity::{Identity, identity};
use callerwatch_adapters::response::{DynamoStore, StoreError};
use callerwatch_adapters::sns::SnsSink;
use callerwatch_response::{Claim, Mode, Settings, Store, announce};
use callerwatch_targets::AnyTarget;

/// Longer than a function may run, which may hold the claim.
const PATIENCE_SECS: i64 = 180;
/// How often it is asked for.
const PAUSE: Duration = Duration::from_millis(500);
/// It is renewed meanwhile.
const LEASE_SECS: i64 = 600;

/// A stack that denies, or may.
pub(super) struct Deployment {
    pub(super) table: String,
    pub(super) config: SdkConfig,
    pub(super) clients: Clients,
    pub(super) settings: Settings,
    pub(super) store: DynamoStore,
    pub(super) targets: Vec<AnyTarget>,
}

impl Deployment {
    /// By its table, which knows the rest.
    ///
    /// # Errors
    ///
    /// When nobody said what it denies by: it denies nothing, then.
    pub(super) async fn open(table: &str) -> anyhow::Result<Self> {
        let config = clients::load().await;
        let Some(settings) = settings(&config, table).await? else {
            bail!(
                "the stack of the table {table} denies nothing: its parameter RespondMode is off or \
                 dry-run, or was set to enforce within the last five minutes. To switch it on, \
                 deploy it with RespondMode=enforce and DenyGroups or DenyRoles. `callerwatch \
                 block explain` says without it what it would do, with --state-bucket"
            );
        };
        Self::of(table, config, settings)
    }

    /// The same, where a bucket is known, of a stack that denies nothing yet.
    pub(super) async fn open_or(table: &str, bucket: Option<&str>) -> anyhow::Result<Self> {
        let Some(bucket) = bucket else { return Self::open(table).await };
        let config = clients::load().await;
        let settings = match settings(&config, table).await? {
            Some(settings) => settings,
            None => Settings {
                mode: Mode::DryRun,
                targets: Vec::new(),
                attached_to: Vec::new(),
                break_glass: Vec::new(),
                account: identity(&config).await?.account,
                state_bucket: bucket.to_owned(),
                topic_arn: String::new(),
                revoked_roles: Vec::new(),
            },
        };
        Self::of(table, config, settings)
    }

    fn of(table: &str, config: SdkConfig, settings: Settings) -> anyhow::Result<Self> {
        let clients = Clients::of(&config);
        let (dynamodb, s3) = (clients.dynamodb.clone(), clients.s3.clone());
        let store = DynamoStore::new(dynamodb, s3, table, &settings.state_bucket);
        let targets = AnyTarget::open(&settings, &config).context("opening what denies")?;
        Ok(Self { table: table.to_owned(), config, clients, settings, store, targets })
    }

    /// Those targets too that the stack names no more, and into which something was put.
    pub(super) async fn all_targets(&self) -> anyhow::Result<Vec<AnyTarget>> {
        let mut settings = self.settings.clone();
        for target in self.store.targets().await? {
            let is_named = settings.targets.contains(&target);
            if !is_named && !self.store.placed(&target).await?.ours.is_empty() {
                settings.targets.push(target);
            }
        }
        AnyTarget::open(&settings, &self.config).context("opening what denies")
    }

    /// Who asks, by their credentials.
    pub(super) async fn person(&self) -> anyhow::Result<String> {
        let Identity { arn, .. } = identity(&self.config).await?;
        Ok(arn)
    }

    /// Does something while nobody else changes what is denied: no function, and nobody by hand. Answers
    /// also whether it was announced, as all is that was recorded and nobody announced yet.
    pub(super) async fn alone<T>(
        &self,
        person: &str,
        act: impl AsyncFnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<(T, anyhow::Result<()>)> {
        // The audit trail names whoever holds the claim.
        let start = clock::now();
        let holder = format!("{person} by hand {}-{}", start.millis(), std::process::id());
        let last = start.plus_secs(PATIENCE_SECS);
        loop {
            let now = clock::now();
            let claim = self.store.claim(&holder, now, now.plus_secs(LEASE_SECS)).await?;
            match claim {
                Claim::Granted => break,
                Claim::Held if now > last => bail!(
                    "somebody else has been changing what is denied for {PATIENCE_SECS} s; nothing \
                     was changed, try again"
                ),
                Claim::Held => tokio::time::sleep(PAUSE).await,
            }
        }
        let done = act().await;
        let announced = self.announce().await;
        let released = self.store.release(&holder).await;
        let done = done?;
        released?;
        Ok((done, announced))
    }

    /// Makes the right to change last, for whoever has it and is not done yet.
    pub(super) async fn renew(&self) -> Result<(), StoreError> {
        self.store.renew(clock::now().plus_secs(LEASE_SECS)).await
    }

    /// Tells subscribers what was changed, as the function does.
    async fn announce(&self) -> anyhow::Result<()> {
        let topic = &self.settings.topic_arn;
        if topic.is_empty() {
            writeln!(io::stderr(), "callerwatch: nobody said yet where changes are announced")?;
            return Ok(());
        }
        let sink = SnsSink::new(self.clients.sns.clone(), topic, None);
        let announced = announce(&self.store, &sink).await;
        let announced = announced.context(
            "it was done and is in the audit trail, and is announced, perhaps once more, by the next \
             who changes anything",
        )?;
        if let Some(error) = announced.failed {
            return Err(error).context(
                "it was done and is in the audit trail, and was not announced; the next who changes \
                 anything does",
            );
        }
        if !announced.refused.is_empty() || !announced.unreadable.is_empty() {
            bail!("something that was done is in the audit trail alone, and is never announced");
        }
        Ok(())
    }
}

async fn settings(config: &SdkConfig, table: &str) -> anyhow::Result<Option<Settings>> {
    let Clients { dynamodb, s3, .. } = Clients::of(config);
    Ok(DynamoStore::new(dynamodb, s3, table, "").settings().await?)
}
