package recipe;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.keycloak.models.ClientSessionContext;
import org.keycloak.models.KeycloakSession;
import org.keycloak.models.ProtocolMapperModel;
import org.keycloak.models.UserSessionModel;
import org.keycloak.protocol.oidc.mappers.AbstractOIDCProtocolMapper;
import org.keycloak.protocol.oidc.mappers.OIDCAccessTokenMapper;
import org.keycloak.provider.ProviderConfigProperty;
import org.keycloak.representations.AccessToken;
import org.keycloak.util.JsonSerialization;

/**
 * Reports each access token to Ward before Keycloak signs it: a token that Ward has not recorded is
 * not made. A protocol mapper and not an event listener, because an event does not say when the token
 * was issued and when it ends, and comes when the token is made.
 *
 * <p>Reported by {@code jti}, with whom it names and its times. Settings are environment variables:
 * WARD_URL, WARD_ISSUER, WARD_REPORTER_KEY.
 */
public final class WardMapper extends AbstractOIDCProtocolMapper implements OIDCAccessTokenMapper {
    private static final HttpClient CLIENT = HttpClient.newHttpClient();
    private static final Object TURN = new Object();
    private static long next; // 0: not known, at start and after a failure
    private static List<Long> lost = List.of();

    @Override
    public AccessToken transformAccessToken(AccessToken token, ProtocolMapperModel model,
            KeycloakSession session, UserSessionModel user, ClientSessionContext context) {
        var principal = Map.of("kind", "customer", "id", token.getSubject());
        var report = new LinkedHashMap<String, Object>(Map.of("jti", token.getId(),
            "principal", principal, "client", token.getIssuedFor(),
            "iat", token.getIat(), "exp", token.getExp()));
        if (user != null) report.put("login", user.getId());
        try {
            synchronized (TURN) { // one at a time: the sequence has no gap
                if (next == 0) {
                    var state = JsonSerialization.readValue(ask("GET", ""), Map.class);
                    next = ((Number) state.get("next_sequence")).longValue();
                    lost = ((List<?>) state.get("missing")).stream()
                        .map(place -> ((Number) place).longValue()).toList();
                }
                var sequence = next;
                next = 0;
                var reports = new ArrayList<Map<String, Object>>();
                lost.forEach(place -> reports.add(Map.of("sequence", place, "void", true)));
                report.put("sequence", sequence);
                reports.add(report);
                ask("POST", JsonSerialization.writeValueAsString(Map.of("reports", reports)));
                next = sequence + 1;
                lost = List.of();
            }
        } catch (IOException error) {
            throw new IllegalStateException("the token was not recorded", error);
        }
        return token;
    }

    private static String ask(String method, String body) throws IOException {
        var path = "/api/issuances/" + System.getenv("WARD_ISSUER");
        var at = URI.create(System.getenv("WARD_URL") + path);
        var request = HttpRequest.newBuilder(at).timeout(Duration.ofSeconds(5))
            .header("Authorization", "Bearer " + System.getenv("WARD_REPORTER_KEY"))
            .method(method, HttpRequest.BodyPublishers.ofString(body)).build();
        try {
            var answer = CLIENT.send(request, BodyHandlers.ofString());
            if (answer.statusCode() != 200) throw new IOException("Ward: " + answer.statusCode());
            return answer.body();
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new IOException(error);
        }
    }

    @Override
    public String getId() {
        return "ward-reporter";
    }

    @Override
    public String getDisplayType() {
        return "Report to Ward";
    }

    @Override
    public String getDisplayCategory() {
        return TOKEN_MAPPER_CATEGORY;
    }

    @Override
    public String getHelpText() {
        return "Reports each access token to Ward before it is signed.";
    }

    @Override
    public List<ProviderConfigProperty> getConfigProperties() {
        return List.of();
    }
}
