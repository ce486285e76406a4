package conns

type ServicePackage interface{ ServicePackageName() string }

type AWSClient struct{}

func client(name string) int { return len(name) }
