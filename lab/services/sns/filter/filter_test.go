package filter_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/services/sns/filter"
)

func TestAttributes(t *testing.T) {
	attributes := map[string]filter.Attribute{
		"store": {"String", "example_corp"}, "price": {"Number", "210.75"}, "encrypted": {"String", "false"},
		"interests": {"String.Array", `["soccer","rugby",7,true,null]`}, "ip": {"String", "10.0.0.9"}, "raw": {"Binary", "AAAA"},
	}
	for document, want := range map[string]bool{
		`{}`:                                                    true,
		`{"store":["example_corp"]}`:                            true,
		`{"store":["Example_corp"]}`:                            false,
		`{"store":["other","example_corp"]}`:                    true,
		`{"store":["example_corp"],"absent":[1]}`:               false,
		`{"store":[{"prefix":"example"}]}`:                      true,
		`{"store":[{"suffix":"corp"}]}`:                         true,
		`{"store":[{"equals-ignore-case":"EXAMPLE_corp"}]}`:     true,
		`{"store":[{"wildcard":"ex*_c*p"}]}`:                    true,
		`{"store":[{"wildcard":"ex*_c"}]}`:                      false,
		`{"store":[{"anything-but":"example_corp"}]}`:           false,
		`{"store":[{"anything-but":["a","b"]}]}`:                true,
		`{"store":[{"anything-but":{"prefix":"example"}}]}`:     false,
		`{"price":[{"numeric":["=",210.75]}]}`:                  true,
		`{"price":[210.75]}`:                                    true,
		`{"price":[{"numeric":[">",0,"<=",210]}]}`:              false,
		`{"price":[{"numeric":[">=",0,"<",211]}]}`:              true,
		`{"price":["210.75"]}`:                                  false,
		`{"interests":["rugby"]}`:                               true,
		`{"interests":["tennis",7]}`:                            true,
		`{"interests":[{"anything-but":["soccer"]}]}`:           false,
		`{"interests":[{"anything-but":["tennis"]}]}`:           true,
		`{"absent":[{"exists":false}]}`:                         true,
		`{"store":[{"exists":false}]}`:                          false,
		`{"store":[{"exists":true}]}`:                           true,
		`{"raw":[{"exists":true}]}`:                             false,
		`{"ip":[{"cidr":"10.0.0.0/24"}]}`:                       true,
		`{"$or":[{"store":["x"]},{"price":[210.75]}]}`:          true,
		`{"$or":[{"store":["x"]},{"price":[1]}],"ip":["10.0"]}`: false,
	} {
		policy, err := filter.Parse(document, "MessageAttributes")
		require.NoError(t, err, document)
		assert.Equal(t, want, policy.Matches(attributes, "{}"), document)
	}
}

func TestBodies(t *testing.T) {
	body := `{"a":{"b":{"c":"x"},"n":null,"t":true},"list":[{"k":1},{"k":2}],"tags":["p","q"]}`
	for document, want := range map[string]bool{
		`{"a":{"b":{"c":["x"]}}}`:                 true,
		`{"a":{"b":{"c":["y"]}}}`:                 false,
		`{"a":{"n":[null]}}`:                      true,
		`{"a":{"t":[true]}}`:                      true,
		`{"list":{"k":[2]}}`:                      true,
		`{"list":{"k":[3]}}`:                      false,
		`{"tags":["q"]}`:                          true,
		`{"a":{"z":{"y":[{"exists":false}]}}}`:    true,
		`{"$or":[{"tags":["z"]},{"tags":["p"]}]}`: true,
	} {
		policy, err := filter.Parse(document, "MessageBody")
		require.NoError(t, err, document)
		assert.Equal(t, want, policy.Matches(nil, body), document)
		assert.False(t, policy.Matches(nil, "no json"), document)
	}
}

func TestBadPoliciesAreRefused(t *testing.T) {
	for _, document := range []string{
		`[]`, `{"a":"b"}`, `{"a":[]}`, `{"a":[[1]]}`, `{"a":[{"near":"x"}]}`, `{"a":[{"prefix":1}]}`, `{"a":[{"numeric":["~",1]}]}`, `{"a":[{"numeric":[">"]}]}`,
		`{"a":[{"cidr":"x"}]}`, `{"a":[{"exists":1}]}`, `{"a":{"b":["nested"]}}`, `{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1]}`,
		`{"a":[1,2,3,4,5,6],"b":[1,2,3,4,5,6],"c":[1,2,3,4,5]}`, `{"a":[{"anything-but":[]}]}`, `{"a":[{"anything-but":null}]}`,
	} {
		_, err := filter.Parse(document, "")
		assert.Error(t, err, document)
	}
	_, err := filter.Parse(`{}`, "Message")
	assert.Error(t, err)
}

func FuzzParse(f *testing.F) {
	f.Add(`{"a":[1,{"prefix":"x"},{"anything-but":{"suffix":"y"}}],"$or":[{"b":[{"exists":false}]},{"c":[{"numeric":[">",1,"<",3]}]}]}`, `{"a":[1,"x"],"b":{"c":2}}`)
	f.Fuzz(func(t *testing.T, document, body string) {
		for _, scope := range []string{"MessageAttributes", "MessageBody"} {
			if policy, err := filter.Parse(document, scope); err == nil {
				policy.Matches(map[string]filter.Attribute{"a": {"String", body}, "b": {"String.Array", body}}, body)
			}
		}
	})
}
