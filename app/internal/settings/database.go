package settings

import (
	"crypto/x509"
	"net"
	"os"
	"strconv"
	"strings"
)

// database reads the database's part. Hosts come from the writer and reader endpoints first, then from the list of all
// members, so that a client still finds the writer when an endpoint's name does not resolve.
func (r *reader) database(region string) Database {
	port := r.integer("HAVEN_DB_PORT", 5432, 1, 65535)
	writer := r.hosts("HAVEN_DB_WRITER_HOST", port)
	readers := r.hosts("HAVEN_DB_READER_HOST", port)
	all := r.hosts("HAVEN_DB_HOSTS", port)
	if len(writer)+len(all) == 0 {
		r.wrong("HAVEN_DB_WRITER_HOST", "and HAVEN_DB_HOSTS are not set: one must name the database")
	}
	db := Database{
		Writers:    distinct(writer, all),
		Readers:    distinct(readers, all, writer),
		Name:       r.required("HAVEN_DB_NAME", "the database's name"),
		SecretARN:  r.text("HAVEN_DB_SECRET_ARN", ""),
		SecretFile: r.text("HAVEN_DB_SECRET_JSON_FILE", ""),
		CAFile:     r.required("HAVEN_DB_CA_FILE", "the file with the authority of the database's certificate"),
	}
	if db.Name != "" && !identifier.MatchString(db.Name) {
		r.wrong("HAVEN_DB_NAME", "is %q: it must be letters, digits, _ and -, at most 63", db.Name)
	}
	r.certificates("HAVEN_DB_CA_FILE", db.CAFile)
	r.file("HAVEN_DB_SECRET_JSON_FILE", db.SecretFile)
	r.secret(db, region)
	return db
}

// certificates checks that a file has at least one certificate that can be trusted.
func (r *reader) certificates(name, path string) {
	if path == "" {
		return
	}
	text, err := os.ReadFile(path)
	if err != nil {
		r.wrong(name, "is %q: it must be a file that can be read (%v)", path, err)
	} else if !x509.NewCertPool().AppendCertsFromPEM(text) {
		r.wrong(name, "is %q: it must be a file with certificates in PEM", path)
	}
}

func (r *reader) secret(db Database, region string) {
	switch {
	case db.SecretARN == "" && db.SecretFile == "":
		r.wrong("HAVEN_DB_SECRET_ARN", "is not set: it must be the ARN of the secret with the database's user and password")
	case db.SecretARN != "" && db.SecretFile != "":
		r.wrong("HAVEN_DB_SECRET_ARN", "and HAVEN_DB_SECRET_JSON_FILE are both set: one of them must go")
	case db.SecretARN != "" && !strings.HasPrefix(db.SecretARN, "arn:"):
		r.wrong("HAVEN_DB_SECRET_ARN", "does not begin with arn:")
	case db.SecretARN != "" && region == "":
		r.wrong("HAVEN_REGION", "is not set: it must be the secret's region")
	}
}

// hosts reads a comma-separated list of names, each with an optional port.
func (r *reader) hosts(name string, port int) []string {
	var all []string
	for _, item := range strings.Split(r.text(name, ""), ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		host, given, err := net.SplitHostPort(item)
		if err != nil {
			host, given = item, strconv.Itoa(port)
		}
		if strings.ContainsAny(host, " /@'\\=:") || host == "" || !isPort(given) {
			r.wrong(name, "contains %q: it must be host or host:port", item)
			continue
		}
		all = append(all, net.JoinHostPort(host, given))
	}
	return all
}

func distinct(lists ...[]string) []string {
	seen := map[string]bool{}
	var all []string
	for _, list := range lists {
		for _, item := range list {
			if !seen[item] {
				seen[item] = true
				all = append(all, item)
			}
		}
	}
	return all
}
