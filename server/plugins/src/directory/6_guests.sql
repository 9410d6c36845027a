-- guest_of: the organisation whose room a guest is in. A guest has sessions and no account.
ALTER TABLE directory_session ADD COLUMN guest_of TEXT;
