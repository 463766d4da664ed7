-- A PostgreSQL role for Grafana: it reads Lendbook's report views and nothing else. Run it as the database's owner, once
-- or again (it changes the password then), in Lendbook's database:
--
--   psql lendbook -v password=a-long-one -f deploy/grafana/role.sql
--
-- Whenever a migration makes a view anew, Lendbook lets the role (LENDBOOK_REPORTS_ROLE) read it.
\set ON_ERROR_STOP on
\if :{?role}
\else
  \set role lendbook_reports
\endif
SELECT format('CREATE ROLE %I', :'role') WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 10
  PASSWORD :'password';
ALTER ROLE :"role" SET default_transaction_read_only = on;
ALTER ROLE :"role" SET statement_timeout = '30s';
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), :'role') \gexec
SELECT format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()) \gexec
GRANT USAGE ON SCHEMA public TO :"role";
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM :"role";
SELECT format('GRANT SELECT ON %I TO %I', viewname, :'role') FROM pg_views WHERE schemaname = 'public'
  AND viewname IN ('dc_ledger_entries', 'dc_day_book', 'dc_day_book_details', 'daily_tracker', 'tracker_instalments',
                   'transactions', 'transaction_tags', 'product_tags') \gexec
