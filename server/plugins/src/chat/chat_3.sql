-- Cards that belong to plugins: where each one stands, by the name that its plugin gave it.
CREATE TABLE chat_card (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    conv TEXT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (owner, key)
);
CREATE UNIQUE INDEX chat_card_place ON chat_card (conv, seq);
