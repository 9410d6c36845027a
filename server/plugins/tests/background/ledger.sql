-- What was done, a row each time: doing it twice makes two.
CREATE TABLE ledger_row (
    what TEXT NOT NULL,
    said TEXT NOT NULL,
    at BIGINT NOT NULL
);
