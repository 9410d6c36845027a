-- network: where the session was opened, if its owner did that: there the person is known.
ALTER TABLE directory_session ADD COLUMN network TEXT;
CREATE INDEX directory_session_network ON directory_session (user_id, network)
    WHERE network IS NOT NULL;
