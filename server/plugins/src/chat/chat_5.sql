-- Who may call everybody of a group: `members` or `owners`.
ALTER TABLE chat_conversation ADD COLUMN mention_all TEXT NOT NULL DEFAULT 'members';
ALTER TABLE chat_conversation ADD COLUMN ding_all TEXT NOT NULL DEFAULT 'members';

-- The most that an organisation lets its groups allow; none, everything.
CREATE TABLE chat_limit (
    org TEXT PRIMARY KEY,
    mention_all TEXT NOT NULL,
    ding_all TEXT NOT NULL
);
