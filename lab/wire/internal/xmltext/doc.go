// Package xmltext writes the SDK's types as XML and reads them from it, by the rules that the query, ec2query and
// rest-xml protocols share:
//
//	list of strings, wrapped      <Names><member>a</member><member>b</member></Names>
//	the same, flattened           <Names>a</Names><Names>b</Names>
//	map                           <Tags><entry><key>a</key><value>b</value></entry></Tags>
//
// Where the model gives an element a name of its own, that goes instead of "member", "entry", "key" and "value".
package xmltext
