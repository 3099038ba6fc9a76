package embeddedcluster

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"koflab/embed/gateway"
)

// Kubeconfig returns a kubeconfig of the cluster's administrator whose only
// context has the given name.
func (c *Cluster) Kubeconfig(context string) ([]byte, error) {
	admin, err := c.administrator()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig of %s: %w", c.opts.Name, err)
	}
	cert, key, err := gateway.EncodePair(admin)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig of %s: %w", c.opts.Name, err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[context] = &clientcmdapi.Cluster{Server: c.URL(), CertificateAuthorityData: c.opts.CA.CertificatePEM()}
	config.AuthInfos[context] = &clientcmdapi.AuthInfo{ClientCertificateData: cert, ClientKeyData: key}
	config.Contexts[context] = &clientcmdapi.Context{Cluster: context, AuthInfo: context}
	config.CurrentContext = context
	return clientcmd.Write(*config)
}
