-- When a call that failed is made again: due_at stays what the plugin asked for.
ALTER TABLE plugin_timer ADD COLUMN retry_at BIGINT NOT NULL DEFAULT 0;

CREATE INDEX plugin_timer_retry ON plugin_timer (plugin, retry_at) WHERE retry_at > 0;

-- What is due at the same time is called in the order in which it was set.
DROP INDEX plugin_timer_due;

CREATE INDEX plugin_timer_due ON plugin_timer (plugin, due_at, intent);

-- What is owed is counted by organisation.
CREATE INDEX plugin_timer_org ON plugin_timer (plugin, org, due_at);

CREATE INDEX plugin_outbox_org ON plugin_outbox (plugin, org);
