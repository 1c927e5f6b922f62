package cloudflare

import (
	"context"

	"fmt"
	"strings"

	"github.com/cloudflare/cloudflare-go/v7/accounts"
	"github.com/cloudflare/cloudflare-go/v7/d1"
	"github.com/cloudflare/cloudflare-go/v7/kv"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/r2"
)

// Account is the account's name, by which a person knows it.
func (c *Client) Account(ctx context.Context) (name string, err error) {
	var p accounts.AccountGetParams
	c.in(&p.AccountID.Value)
	a, err := ask[struct {
		Name string `json:"name"`
	}](func(o ...option.RequestOption) error {
		_, err := c.accounts.Get(ctx, p, o...)
		return err
	})
	return a.Name, wrap(err, "look up account %s", c.account)
}

// VerifyToken tells the status of the token: active, disabled or expired. A
// token that belongs to an account and not to a person is asked about there.
func (c *Client) VerifyToken(ctx context.Context) (status string, err error) {
	type verdict struct {
		Status string `json:"status"`
	}
	v, err := ask[verdict](func(o ...option.RequestOption) error {
		_, err := c.tokens.Verify(ctx, o...)
		return err
	})
	if Has(err, 1000) {
		var p accounts.TokenVerifyParams
		c.in(&p.AccountID.Value)
		v, err = ask[verdict](func(o ...option.RequestOption) error {
			_, err := c.accounts.Tokens.Verify(ctx, p, o...)
			return err
		})
	}
	return v.Status, wrap(err, "verify the API token")
}

// Database is a D1 database.
type Database struct {
	ID   string `json:"uuid"`
	Name string `json:"name"`
}

// Databases lists all D1 databases of the account.
func (c *Client) Databases(ctx context.Context) ([]Database, error) {
	var p d1.DatabaseListParams
	c.in(&p.AccountID.Value)
	all, err := pages[Database](func(o ...option.RequestOption) error {
		_, err := c.d1.List(ctx, p, o...)
		return err
	})
	return all, wrap(err, "list the D1 databases")
}

// Namespace is a KV namespace.
type Namespace struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// Namespaces lists all KV namespaces of the account.
func (c *Client) Namespaces(ctx context.Context) ([]Namespace, error) {
	var p kv.NamespaceListParams
	c.in(&p.AccountID.Value)
	all, err := pages[Namespace](func(o ...option.RequestOption) error {
		_, err := c.kv.List(ctx, p, o...)
		return err
	})
	return all, wrap(err, "list the KV namespaces")
}

// Buckets lists the names of all R2 buckets of the account.
func (c *Client) Buckets(ctx context.Context) ([]string, error) {
	var p r2.BucketListParams
	c.in(&p.AccountID.Value)
	var names []string
	for cursor := ""; ; {
		var e envelope[struct {
			Buckets []struct {
				Name string `json:"name"`
			} `json:"buckets"`
		}]
		opts := []option.RequestOption{option.WithResponseBodyInto(&e), option.WithQuery("per_page", "1000")}
		if cursor != "" {
			opts = append(opts, option.WithQuery("cursor", cursor))
		}
		if _, err := c.r2.List(ctx, p, opts...); err != nil {
			return nil, wrap(plain(err), "list the R2 buckets")
		}
		for _, b := range e.Result.Buckets {
			names = append(names, b.Name)
		}
		if cursor = e.Info.Cursor; cursor == "" {
			return names, nil
		}
	}
}

// QueryError is a statement that the database refused inside an answer that
// otherwise looks like a success.
type QueryError struct{ Message string }

// Error implements error.
func (e *QueryError) Error() string { return e.Message }

// Query runs SQL, one or several statements as one atomic batch, and gives the
// rows of each statement. It is never repeated: only the caller knows whether
// that would be safe.
func (c *Client) Query(ctx context.Context, database, sql string, params ...any) ([][]map[string]any, error) {
	var p d1.DatabaseQueryParams
	c.in(&p.AccountID.Value)
	body := map[string]any{"sql": sql}
	if len(params) > 0 {
		body["params"] = params
	}
	results, err := ask[[]struct {
		Success *bool            `json:"success"`
		Error   string           `json:"error"`
		Results []map[string]any `json:"results"`
	}](func(o ...option.RequestOption) error {
		_, err := c.d1.Query(ctx, database, p, o...)
		return err
	}, jsonBody(body))
	if err != nil {
		return nil, wrap(err, "query database %s", database)
	}
	rows := make([][]map[string]any, len(results))
	for i, r := range results {
		if r.Success != nil && !*r.Success {
			return nil, wrap(&QueryError{strings.TrimSpace(fmt.Sprintf("statement %d failed: %s", i+1, r.Error))}, "query database %s", database)
		}
		rows[i] = r.Results
	}
	return rows, nil
}

// Bookmark is the database's place in its own history now, to which Time Travel
// can bring it back for 30 days.
func (c *Client) Bookmark(ctx context.Context, database string) (string, error) {
	var p d1.DatabaseTimeTravelGetBookmarkParams
	c.in(&p.AccountID.Value)
	b, err := ask[struct {
		Bookmark string `json:"bookmark"`
	}](func(o ...option.RequestOption) error {
		_, err := c.d1.TimeTravel.GetBookmark(ctx, database, p, o...)
		return err
	})
	return b.Bookmark, wrap(err, "take a bookmark of database %s", database)
}
