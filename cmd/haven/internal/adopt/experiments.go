package adopt

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/fis"
)

// experimentTemplate finds a template by its tags: templates have no names.
func experimentTemplate(ctx context.Context, q question) (string, error) {
	for pages := fis.NewListExperimentTemplatesPaginator(fis.NewFromConfig(q.config), &fis.ListExperimentTemplatesInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, one := range page.ExperimentTemplates {
			if name := one.Tags["Name"]; name != "" && name == q.in.Name() && !q.taken[aws.ToString(one.Id)] {
				return *one.Id, nil
			}
		}
	}
	return "", nil
}
