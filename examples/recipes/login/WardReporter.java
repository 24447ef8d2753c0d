// Reports each token to Ward before it leaves a login service. Java 17 or newer, nothing to add.
//
// Use: var ward = new WardReporter("http://127.0.0.1:7780", "login", key);
//      return ward.release(token, user);

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Base64;
import java.util.Scanner;
import java.util.regex.Pattern;

public final class WardReporter {
    private final HttpClient client = HttpClient.newHttpClient();
    private final URI uri;
    private final String key;
    private long next; // 0: not known, at start and after a failure
    private String lost = "";

    public WardReporter(String url, String issuer, String key) {
        this.uri = URI.create(url + "/api/issuances/" + issuer);
        this.key = key;
    }

    /** The token, once Ward has recorded it; an exception means: it must not leave. */
    public synchronized String release(String token, String user) throws Exception {
        var claims = new String(Base64.getUrlDecoder().decode(token.split("\\.")[1]), UTF_8);
        var sha256 = MessageDigest.getInstance("SHA-256").digest(token.getBytes(UTF_8));
        var digest = Base64.getUrlEncoder().withoutPadding().encodeToString(sha256);
        if (next == 0) {
            var state = ask("GET", "");
            lost = find("\"missing\":\\[([0-9,]*)\\]", state)
                .replaceAll("([0-9]+),?", "{\"sequence\":$1,\"void\":true},");
            next = Long.parseLong(find("\"next_sequence\":([0-9]+)", state));
        }
        var sequence = next;
        next = 0;
        ask("POST", """
            {"reports":[%s{"sequence":%d,"digest":"%s","iat":%s,"exp":%s,
             "principal":{"kind":"customer","id":"%s"}}]}""".formatted(lost, sequence, digest,
            find("\"iat\":([0-9]+)", claims), find("\"exp\":([0-9]+)", claims),
            user.replace("\\", "\\\\").replace("\"", "\\\"")));
        next = sequence + 1;
        lost = "";
        return token;
    }

    private String ask(String method, String body) throws Exception {
        var request = HttpRequest.newBuilder(uri).timeout(Duration.ofSeconds(5))
            .header("Authorization", "Bearer " + key)
            .method(method, HttpRequest.BodyPublishers.ofString(body)).build();
        for (var tries = 1; ; tries++) { // a repeat of the same report is no second one
            try {
                var answer = client.send(request, BodyHandlers.ofString());
                if (answer.statusCode() == 200) return answer.body();
                if (tries == 3 || answer.statusCode() != 503)
                    throw new IllegalStateException(answer.statusCode() + " " + answer.body());
            } catch (IOException error) {
                if (tries == 3) throw error;
            }
            Thread.sleep(200);
        }
    }

    private static String find(String pattern, String text) {
        var found = Pattern.compile(pattern).matcher(text.replace(" ", ""));
        if (!found.find()) throw new IllegalStateException("not there: " + pattern);
        return found.group(1);
    }

    /** URL ISSUER KEY USER: tokens on standard input, one a line. */
    public static void main(String[] words) throws Exception {
        var ward = new WardReporter(words[0], words[1], words[2]);
        for (var lines = new Scanner(System.in); lines.hasNextLine(); )
            System.out.println(ward.release(lines.nextLine().trim(), words[3]));
    }
}
