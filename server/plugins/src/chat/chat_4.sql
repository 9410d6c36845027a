-- Which state of its plugin's a card shows, if the plugin counts them: none that is older comes after.
ALTER TABLE chat_card ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
