-- By which the processes of a plugin that runs apart link to the nodes: the newest alone counts.
CREATE TABLE plugin_token (
    plugin TEXT NOT NULL PRIMARY KEY,
    -- SHA-256 of the token, in base64url.
    digest TEXT NOT NULL,
    made_at BIGINT NOT NULL
);
