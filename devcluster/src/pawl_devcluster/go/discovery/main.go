// Command discovery tells Prometheus which pods there are, by its HTTP service discovery, with the label names of the
// Kubernetes one. Debian builds Prometheus without the Kubernetes discovery; this small program stands in for it.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"
)

const (
	account = "/var/run/secrets/kubernetes.io/serviceaccount/"
	// Version 0 is answered from the API server's memory.
	pods   = "https://kubernetes.default.svc/api/v1/pods?resourceVersion=0"
	prefix = "__meta_kubernetes_"
)

var notInLabel = regexp.MustCompile(`[^a-zA-Z0-9_]`)

type pod struct {
	Metadata struct {
		Name, Namespace     string
		Labels, Annotations map[string]string
	}
	Status struct{ Phase, PodIP string }
}

type group struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

func main() {
	client, err := newClient()
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/targets", func(w http.ResponseWriter, r *http.Request) {
		found, err := list(client)
		if err != nil {
			log.Print(err)
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(groups(found)); err != nil {
			log.Print(err)
		}
	})
	server := &http.Server{Addr: "127.0.0.1:9080", ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func newClient() (*http.Client, error) {
	ca, err := os.ReadFile(account + "ca.crt")
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	return &http.Client{Timeout: 5 * time.Second, Transport: transport}, nil
}

func list(client *http.Client) ([]pod, error) {
	token, err := os.ReadFile(account + "token") // read every time: it is renewed
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequest(http.MethodGet, pods, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("listing pods: %s", response.Status)
	}
	var answer struct{ Items []pod }
	return answer.Items, json.NewDecoder(response.Body).Decode(&answer)
}

func groups(found []pod) []group {
	result := []group{}
	for _, p := range found {
		if p.Status.PodIP != "" {
			result = append(result, group{[]string{p.Status.PodIP}, labels(p)})
		}
	}
	return result
}

func labels(p pod) map[string]string {
	result := map[string]string{
		prefix + "namespace": p.Metadata.Namespace,
		prefix + "pod_name":  p.Metadata.Name,
		prefix + "pod_ip":    p.Status.PodIP,
		prefix + "pod_phase": p.Status.Phase,
	}
	for key, value := range p.Metadata.Labels {
		result[prefix+"pod_label_"+notInLabel.ReplaceAllString(key, "_")] = value
	}
	for key, value := range p.Metadata.Annotations {
		result[prefix+"pod_annotation_"+notInLabel.ReplaceAllString(key, "_")] = value
	}
	return result
}
