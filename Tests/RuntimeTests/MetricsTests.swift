import Runtime
import Testing

struct MetricsTests {
  @Test func printsPrometheusText() {
    let metrics = Metrics()
    metrics.counter("b_total", "Bs seen", labels: [("kind", "x")]).increment(by: 3)
    metrics.gauge("a_now", "As now").set(-2)
    metrics.gauge("c_now", "Cs now") { 7 }
    metrics.counter("e_seconds_total", "Es") { 1.25 }
    let histogram = metrics.histogram("d_seconds", "Ds", labels: [("op", "get")])
    histogram.observe(.microseconds(60))
    let text = metrics.text()
    #expect(text.hasPrefix("# HELP a_now As now\n# TYPE a_now gauge\na_now -2\n"))
    #expect(text.contains("b_total{kind=\"x\"} 3\n"))
    #expect(text.contains("c_now 7\n"))
    #expect(text.contains("# TYPE e_seconds_total counter\ne_seconds_total 1.25\n"))
    #expect(text.contains("d_seconds_bucket{op=\"get\",le=\"5e-05\"} 0\n"))
    #expect(text.contains("d_seconds_bucket{op=\"get\",le=\"0.0001\"} 1\n"))
    #expect(text.contains("d_seconds_bucket{op=\"get\",le=\"+Inf\"} 1\n"))
    #expect(text.contains("d_seconds_count{op=\"get\"} 1\n"))
  }
}
