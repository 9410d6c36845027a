-- How many tries in a row were begun and nobody wrote down the end of: a process that dies says
-- nothing of the effect, so these are no failures.
ALTER TABLE plugin_outbox ADD COLUMN cut_off BIGINT NOT NULL DEFAULT 0;
