-- A generated secret itself, sealed, for clients whose method needs it (client_secret_jwt).
ALTER TABLE clients ADD COLUMN secret_sealed BLOB;
